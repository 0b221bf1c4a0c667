"""The job of an export or an import. It can be queued twice, and be killed."""

import logging
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from django.db import DataError, IntegrityError, connection, transaction

from retro_core.errors import InvalidInput
from webapp.exchange import official
from webapp.exchange.checking import BadRows
from webapp.exchange.intake import Terms, check, take
from webapp.exchange.leaving import READERS, counts
from webapp.exchange.models import BAD_ROWS, PACKED, Transfer
from webapp.exchange.reading import Source, row_sources
from webapp.exchange.requests import ExportRequest, ImportRequest
from webapp.exchange.services import finish, import_path
from webapp.exchange.tables import TABLES
from webapp.exchange.taking.counts import Taken
from webapp.exchange.writing import pack, write_card, write_table
from workers.database import insist
from workers.holder import holder_name, refuse_if_deadly, renewing

log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0
Status = Transfer.Status


class Lost(Exception):
    """Another worker has the transfer now, or it was taken away."""


class Beat:
    """Shows progress and renews the lease once a second, on a connection of its own."""

    def __init__(self, pk: int, holder: str) -> None:
        self.pk, self.holder = pk, holder
        self.phase, self.done, self.total = "", 0, 0
        self.lost = False
        self._ended = threading.Event()

    def tell(self, done: int) -> None:
        """Note how far the job is. Raises Lost."""
        self.done = done
        if self.lost:
            raise Lost

    def renewing(self) -> AbstractContextManager[None]:
        """Beat until the block ends, or `stop`."""
        what = f"transfer {self.pk}"
        return renewing(self.beat, what, every=BEAT_SECONDS, ended=self._ended)

    def beat(self) -> None:
        """Write what is known; see whether the transfer is still ours."""
        self.lost = not Transfer.objects.renew(
            self.pk,
            self.holder,
            phase=self.phase,
            rows_done=self.done,
            rows_total=self.total,
        )

    def stop(self) -> None:
        """No beat from now on."""
        self._ended.set()


def run_transfer(transfer_id: int) -> None:
    """Do one export or import to its end; nothing happens if it is not to be done now."""
    holder = holder_name()
    transfer = insist(lambda: Transfer.objects.claim(transfer_id, holder))
    if transfer is None:
        return
    beat = Beat(transfer_id, holder)
    try:
        refuse_if_deadly(transfer)
        with beat.renewing(), _work_folder(transfer) as work:
            _do(transfer, beat, work)
    except Lost:
        log.warning("Transfer %s is another worker's now", transfer_id)
    except (InvalidInput, OSError) as error:
        reason = str(error)
        insist(lambda: finish(transfer_id, holder, status=Status.FAILED, message=reason))
    except (DataError, IntegrityError) as error:
        log.exception("Transfer %s holds what the database refuses", transfer_id)
        reason = f"The database refuses a row, and nothing of the file was taken: {error}"
        insist(lambda: finish(transfer_id, holder, status=Status.FAILED, message=reason))


def _do(transfer: Transfer, beat: Beat, work: Path) -> None:
    if transfer.direction == Transfer.Direction.EXPORT:
        _export(transfer, beat, work)
    else:
        _import(transfer, beat, work)


@contextmanager
def _work_folder(transfer: Transfer) -> Iterator[Path]:
    """A fresh folder; what a killed worker left is removed, what is left at the end too."""
    for left in transfer.folder.glob("work-*"):
        shutil.rmtree(left, ignore_errors=True)
    work = transfer.folder / f"work-{uuid.uuid4().hex[:8]}"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _export(transfer: Transfer, beat: Beat, work: Path) -> None:
    request = ExportRequest(**transfer.request)
    written = _write_tables(request, beat, work)
    beat.phase = "packing"
    write_card(work, request.format, title=transfer.title)
    path = transfer.folder / PACKED
    pack(work, path)
    report = {"rows": dict(written)}
    done = {"status": Status.DONE, "report": report, "bytes": path.stat().st_size}
    total = sum(written.values())
    insist(lambda: finish(transfer.pk, beat.holder, **done, rows_done=total, rows_total=total))


def _write_tables(request: ExportRequest, beat: Beat, work: Path) -> Counter[str]:
    """Every table as of one moment: a snapshot that holds no locks and keeps nobody waiting."""
    written: Counter[str] = Counter()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        expected = counts(request.scope)
        beat.total = sum(expected[name] for name in request.tables)
        for name in request.tables:
            beat.phase = f"writing {name}"
            before = sum(written.values())
            rows = READERS[name](request.scope)
            for done in write_table(work, TABLES[name], rows, request.format):
                written[name] = done
                beat.tell(before + done)
    return written


def _import(transfer: Transfer, beat: Beat, work: Path) -> None:
    request = ImportRequest(**transfer.request)
    beat.phase = "reading"
    path = insist(lambda: import_path(transfer, request))
    sources = _sources(path, request, work)
    with BadRows(transfer.folder / BAD_ROWS) as bad:
        beat.phase = "checking"
        beat.total = check(sources, bad, beat.tell)
        taken = None
        if not bad.count or request.skip_bad:
            beat.phase = "writing"
            taken = _take(transfer, request, sources, bad, beat)
    if taken is None:
        seen = {"rows_done": beat.total, "rows_total": beat.total}
        refused = {"status": Status.REFUSED, **seen, **_bad(bad)}
        insist(lambda: finish(transfer.pk, beat.holder, **refused))
    shutil.rmtree(transfer.folder / "upload", ignore_errors=True)


def _sources(path: Path, request: ImportRequest, work: Path) -> Sequence[Source]:
    if request.kind == "auto":
        return row_sources(path, work / "unpacked")
    return official.row_sources(path, request, work)


def _take(
    transfer: Transfer, request: ImportRequest, sources: Sequence[Source], bad: BadRows, beat: Beat
) -> Taken | None:
    def confirm(taken: Taken) -> bool:
        report = {
            "new": dict(taken.new),
            "known": dict(taken.known),
            "experiments": taken.experiments,
            "task_sets": taken.task_sets,
        }
        columns = _bad(bad)
        columns["report"] = {**report, "bad": bad.first}
        done = {"rows_done": beat.total, "rows_total": beat.total}
        beat.stop()  # it must not wait for the row that is changed now
        if not finish(transfer.pk, beat.holder, status=Status.DONE, **columns, **done):
            raise Lost
        return True

    terms = Terms(transfer.title, request.skip_bad, transfer.owner)
    return take(sources, terms, bad, beat.tell, confirm)


def _bad(bad: BadRows) -> dict[str, object]:
    return {"bad_count": bad.count, "report": {"bad": bad.first}}
