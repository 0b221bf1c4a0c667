"""Imports done at once, in the worker's place."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from webapp.exchange import services
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ImportRequest
from workers.exchange import run_transfer


def imported(path: Path, **terms: Any) -> Transfer:
    owner = User.objects.filter(username="lea").first()
    request = ImportRequest(file=path.name, **terms)
    transfer = services.ask_for_import(request, owner=owner, chunks=[path.read_bytes()])
    run_transfer(transfer.pk)
    transfer.refresh_from_db()
    return transfer
