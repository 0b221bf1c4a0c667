"""Exports and imports as pages show them: every value already words."""

from dataclasses import dataclass

from webapp import present
from webapp.exchange.models import Transfer
from webapp.exchange.services import bad_rows, packed
from webapp.exchange.tables import TABLES

LOST = "Its worker is gone. Another one takes it up within a minute; nothing is half done."
LOOKS = {"queued": "queued", "running": "running", "done": "finished"}


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One export or import."""

    pk: int
    title: str
    direction: str
    status: str
    look: str
    phase: str
    message: str
    note: str
    progress: str
    share: float
    size: str
    owner: str
    created: present.Moment | None
    expires: str
    moving: bool
    downloadable: bool
    bad_count: int
    bad_listed: bool


def transfer_row(transfer: Transfer) -> TransferRow:
    """The row of a transfer whose owner was fetched with it."""
    done, total = transfer.rows_done, transfer.rows_total
    of = f" of {present.count(total)}" if total else ""
    expires = transfer.expires_at
    return TransferRow(
        pk=transfer.pk,
        title=transfer.title,
        direction=transfer.get_direction_display(),
        status="Lost" if transfer.is_lost else transfer.get_status_display().capitalize(),
        look="failed" if transfer.is_lost else LOOKS.get(transfer.status, "failed"),
        phase=transfer.phase,
        message=transfer.message,
        note=_note(transfer),
        progress=f"{present.count(done)}{of} rows",
        share=round(100 * min(done / total, 1), 1) if total else 0.0,
        size=_size(transfer.bytes) if transfer.bytes else "",
        owner=transfer.owner.get_username() if transfer.owner else present.DASH,
        created=present.moment(transfer.created_at),
        expires=expires.strftime("%-d %b %Y, %H:%M UTC") if expires else "",
        moving=transfer.is_moving,
        downloadable=packed(transfer) is not None,
        bad_count=transfer.bad_count,
        bad_listed=bad_rows(transfer) is not None,
    )


def _note(transfer: Transfer) -> str:
    """What a person should know while it goes on."""
    if transfer.is_lost:
        return LOST
    again = transfer.is_moving and transfer.unfinished_claims > 1
    return f"Start {transfer.unfinished_claims}: the worker before was lost." if again else ""


def report_rows(transfer: Transfer) -> list[dict[str, str]]:
    """What became of each table."""
    report = transfer.report
    written, new = report.get("rows", {}), report.get("new", {})
    known = report.get("known", {})
    names = [name for name in TABLES if name in {*written, *new, *known}]
    return [
        {
            "title": TABLES[name].title,
            "rows": present.count(written.get(name, new.get(name, 0))),
            "known": present.count(known.get(name, 0)),
        }
        for name in names
    ]


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{max(size // 2**10, 1)} kB"
