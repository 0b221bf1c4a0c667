"""The product's settings over a data folder that lasts as long as the test run.

Every pytest process gets its own PostgreSQL and Valkey (see conftest.py). Programs that tests
start find the same ones, because they inherit the two variables set here.
"""

import os
import tempfile

MARK = "STUDIO_TEST_DATA_DIR"
REPLACED = [
    *("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "LM_DEVICE"),
    *("ACTOR_BASE_URL", "ACTOR_MODEL", "REFLECTOR_URL", "REFLECTOR_BASE_FOLDER"),
]

if MARK not in os.environ:  # noqa: TID251
    for name in REPLACED:
        os.environ.pop(name, None)  # noqa: TID251
    folder = tempfile.mkdtemp(prefix=f"retro-test-{os.getpid()}-", dir="/tmp")
    os.environ[MARK] = os.environ["STUDIO_DATA_DIR"] = folder  # noqa: TID251

from webapp.settings import *  # noqa: E402, F403
from webapp.settings import DATABASES, STATIC_ROOT  # noqa: E402

DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}  # the folder is fresh
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, for tests only
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
