"""Django settings, and the only reader of the environment: a bad value stops the start."""

import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from retro_core.supervisor.places import Places

BASE_DIR = Path(__file__).resolve().parent.parent


def _text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def _url(name: str, default: str, *schemes: str) -> str:
    value = _text(name, default)
    if value and value.split("://", 1)[0] not in schemes:
        raise ImproperlyConfigured(
            f"{name}={value!r} must begin with {' or '.join(s + '://' for s in schemes)}."
        )
    return value


def _flag(name: str, default: bool) -> bool:
    value = _text(name, "yes" if default else "no").lower()
    if value not in {"yes", "no", "true", "false", "1", "0"}:
        raise ImproperlyConfigured(f"{name}={value!r} must be yes or no.")
    return value in {"yes", "true", "1"}


def _choice(name: str, default: str, *known: str) -> str:
    value = _text(name, default)
    if value not in known:
        raise ImproperlyConfigured(f"{name}={value!r} must be {' or '.join(known)}.")
    return value


def _whole(name: str, default: int, *, lowest: int = 1, highest: int = 65535) -> int:
    value = _text(name, str(default))
    if not value.isdigit() or not lowest <= int(value) <= highest:
        raise ImproperlyConfigured(
            f"{name}={value!r} must be a whole number from {lowest} to {highest}."
        )
    return int(value)


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in _text(name, default).split(",") if part.strip()]


DATA_DIR = Path(_text("STUDIO_DATA_DIR", str(BASE_DIR / "data"))).resolve()
PLACES = Places(DATA_DIR)

# Only files below this folder can be imported by their path on the server.
IMPORT_DIR = Path(_text("IMPORT_DIR", str(DATA_DIR / "imports"))).resolve()

# The MediaWiki API that questions over live pages search; empty is the English Wikipedia's.
WIKIPEDIA_API = _url("WIKIPEDIA_API", "", "http", "https")

DEBUG = _flag("DJANGO_DEBUG", False)
HOST = _text("HOST", "127.0.0.1")
PORT = _whole("PORT", 8000)
WEB_THREADS = _whole("WEB_THREADS", 8, highest=64)
# Two, so that one plays on while the last trials of the other's turn end.
EPISODE_WORKERS = _whole("EPISODE_WORKERS", 2, highest=16)
OWN_NAMES = ["localhost", "127.0.0.1", "[::1]", f"[{HOST}]" if ":" in HOST else HOST]
GIVEN_NAMES = _list("ALLOWED_HOSTS")
ALLOWED_HOSTS = [*OWN_NAMES, *GIVEN_NAMES]
# For printed links alone: what stands in front of the web server may listen at another port.
PUBLIC_PORT = _whole("PUBLIC_PORT", PORT)
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS")
SECRET_KEY = _text("DJANGO_SECRET_KEY") or PLACES.secret_key()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "django_rq",
    "webapp.accounts",
    "webapp.system",
    "webapp.tasks",
    "webapp.experiments",
    "webapp.episodes",
    "webapp.worlds",
    "webapp.annotation",
    "webapp.notifications",
    "webapp.adapters",
    "webapp.training",
    "webapp.learning",
    "webapp.exchange",
    "webapp.api",
    "ninja",
    "webapp.search",
    "webapp.reports",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.accounts.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

POSTGRES_BIN_DIR = _text("POSTGRES_BIN_DIR")
VALKEY_BIN = _text("VALKEY_BIN")
EMBEDDED_POSTGRES = not _text("DATABASE_URL")
EMBEDDED_VALKEY = not _text("REDIS_URL")
DATABASE_URL = _url("DATABASE_URL", PLACES.database_url(), "postgres", "postgresql")
_DATABASE = dj_database_url.parse(DATABASE_URL, conn_max_age=0, conn_health_checks=True)
_POOL = {"min_size": 0, "max_size": 12, "timeout": 10}
DATABASES = {"default": {**_DATABASE, "OPTIONS": {**_DATABASE.get("OPTIONS", {}), "pool": _POOL}}}
REDIS_URL = _url("REDIS_URL", PLACES.redis_url(), "redis", "rediss", "unix")
RQ_QUEUES = {
    "episodes": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 6 * 3600},
    "training": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 7 * 24 * 3600},
    "exchange": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 24 * 3600},
}

LM_PORT = _whole("LM_PORT", 8070)
LM_URL = f"http://127.0.0.1:{LM_PORT}"
LM_DTYPE = _choice("LM_DTYPE", "auto", "auto", "float32", "bfloat16")
LM_DEVICE = _choice("LM_DEVICE", "cpu", "cpu", "cuda")
ACTOR_BASE_URL = _url("ACTOR_BASE_URL", f"{LM_URL}/v1", "http", "https")
ACTOR_MODEL = _text("ACTOR_MODEL", "household")
if _text("ACTOR_BASE_URL") and not _text("ACTOR_MODEL"):
    raise ImproperlyConfigured(
        "ACTOR_BASE_URL is set and ACTOR_MODEL is not: set it to the name by which that endpoint"
        " knows the model."
    )
OPENAI_API_KEY = _text("OPENAI_API_KEY")
REFLECTOR_URL = _url("REFLECTOR_URL", LM_URL, "http", "https")
# A folder with safetensors, the model that REFLECTOR_URL serves; empty is the embedded one.
REFLECTOR_BASE_FOLDER = _text("REFLECTOR_BASE_FOLDER")
EMBEDDED_LM = not (_text("ACTOR_BASE_URL") and _text("REFLECTOR_URL"))

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "webapp.finders.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Hashed names, which browsers keep for ever, and a gzip file beside each.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What the supervisor hands to its children: all that it was given, and what it decided itself.
# Offline mode is for the LM server alone: it also forbids the client's calls to a loopback server.
CHILD_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")},
    "DJANGO_SETTINGS_MODULE": _text("DJANGO_SETTINGS_MODULE", "webapp.settings"),
    "STUDIO_DATA_DIR": str(DATA_DIR),
    "PYTHONUNBUFFERED": "1",
    "OMP_WAIT_POLICY": "passive",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
}
# Every pass has another number of rows, and oneDNN keeps what it prepared for each, 1,024 of them
# unless told otherwise: about 2 GB for this model.
ONEDNN_ENVIRONMENT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128", "LRU_CACHE_CAPACITY": "128"}
LM_ENVIRONMENT = {**ONEDNN_ENVIRONMENT, **CHILD_ENVIRONMENT, "HF_HUB_OFFLINE": "1"}
