"""The compose file as docker reads it, and its commands run outside of docker."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
GIVEN = {
    "DJANGO_SECRET_KEY": "for this test only",
    "POSTGRES_PASSWORD": "for/this#test?only@100%",
    "ACTOR_BASE_URL": "http://127.0.0.1:9/v1",
    "ACTOR_MODEL": "small",
    "REFLECTOR_BASE_FOLDER": "/models/base",
    "ALLOWED_HOSTS": ".example.org, *, studio.example.org",
    "PORT": "9000",
}
VARIABLE = re.compile(r"\$\{(\w+):[?-]?([^{}]*)\}")


def filled(text: str) -> str:
    """What compose makes of `${NAME:?}` and `${NAME:-default}`, one within another too."""
    while VARIABLE.search(text):
        text = VARIABLE.sub(lambda m: GIVEN.get(m[1], m[2]), text)
    return text


def run(service: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run a service's own command, with its environment, on the stores of the tests."""
    program, *words = (filled(word) for word in SERVICES[service]["command"])
    return run_beside(service, program, *words, *more)


def run_beside(service: str, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of this installation with the environment of a service."""
    environment = {name: filled(value) for name, value in SERVICES[service]["environment"].items()}
    return subprocess.run(
        [str(Path(sys.executable).parent / program), *words],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            **environment,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "DATABASE_URL": settings.DATABASE_URL,
            "REDIS_URL": settings.REDIS_URL,
            "STUDIO_DATA_DIR": str(settings.DATA_DIR),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
