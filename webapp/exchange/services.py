"""Asking for exports and imports, and letting their files go."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp import jobs
from webapp.exchange.models import BAD_ROWS, KEPT, PACKED, Transfer
from webapp.exchange.requests import ExportRequest, ImportRequest, as_json

UPLOADS = "upload"


@transaction.atomic
def ask_for_export(request: ExportRequest, *, title: str, owner: User | None) -> Transfer:
    """Store the wish and queue the job."""
    made = Transfer.objects.create(
        owner=owner,
        direction=Transfer.Direction.EXPORT,
        title=title[:200],
        request=as_json(request),
    )
    jobs.queue_job(jobs.EXCHANGE, jobs.RUN_TRANSFER, made.pk)
    return made


def ask_for_import(
    request: ImportRequest, *, owner: User | None, chunks: Iterable[bytes] = ()
) -> Transfer:
    """Keep the uploaded file, a chunk at a time, store the wish and queue the job."""
    name = request.file or Path(request.server_path).name
    with transaction.atomic():
        made = Transfer.objects.create(
            owner=owner,
            direction=Transfer.Direction.IMPORT,
            title=name[:200],
            request=as_json(request),
        )
        if request.file:
            _keep(made, request.file, chunks)
        jobs.queue_job(jobs.EXCHANGE, jobs.RUN_TRANSFER, made.pk)
    return made


def import_path(transfer: Transfer, request: ImportRequest) -> Path:
    """The file of an import. Raises InvalidInput where it is gone or out of bounds."""
    if request.server_path:
        return server_file(request.server_path)
    path = transfer.folder / UPLOADS / request.file
    if not path.is_file():
        raise InvalidInput("The uploaded file is gone: upload it again.")
    return path


def server_file(name: str) -> Path:
    """A file or folder below the allowed folder, by its path there. Raises InvalidInput."""
    root = Path(settings.IMPORT_DIR).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InvalidInput(f"Only files below {root} can be named.")
    if not path.exists():
        raise InvalidInput(f"{root} holds no {name!r}.")
    return path


def packed(transfer: Transfer) -> Path | None:
    """The finished export, while it is kept."""
    path = transfer.folder / PACKED
    exported = transfer.direction == Transfer.Direction.EXPORT
    return path if exported and transfer.status == Transfer.Status.DONE and path.is_file() else None


def bad_rows(transfer: Transfer) -> Path | None:
    """The list of bad rows, while it is kept."""
    path = transfer.folder / BAD_ROWS
    return path if transfer.bad_count and path.is_file() else None


def remove_expired() -> int:
    """Remove the files of transfers that are past their time; the rows stay."""
    gone = list(Transfer.objects.expired())
    for transfer in gone:
        shutil.rmtree(transfer.folder, ignore_errors=True)
        Transfer.objects.filter(pk=transfer.pk).update(files_removed=True)
    return len(gone)


def finish(pk: int, holder: str, **columns: object) -> bool:
    """End a transfer that the holder still has; its files are kept for a while."""
    now = timezone.now()
    ended = {"finished_at": now, "expires_at": now + KEPT, "phase": ""}
    return Transfer.objects.let_go(pk, holder, **ended, **columns)


def _keep(made: Transfer, name: str, chunks: Iterable[bytes]) -> None:
    """Write the file of a new row; what lies in its place is of a database that is no more."""
    if made.folder.exists():
        shutil.rmtree(made.folder)
    uploads = made.folder / UPLOADS
    uploads.mkdir(parents=True)
    with (uploads / name).open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
