"""Writing reports: every save is a version, and freezing happens in the same transaction."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.reports.models import FrozenBlock, Report, ReportVersion
from webapp.reports.services.blocks import blocks
from webapp.reports.services.drawing import draw

MOST_BLOCKS = 30


@transaction.atomic
def create(title: str, text: str, owner: User) -> Report:
    """A new report with its first version."""
    report = Report.objects.create(title=title, owner=owner)
    save(report.pk, title, text, owner, seen=0)
    return report


@transaction.atomic
def save(
    report_id: int,
    title: str,
    text: str,
    author: User,
    *,
    seen: int,
    restores: int | None = None,
) -> int:
    """Add a version after the one that the author saw. Raises InvalidInput if another came."""
    check_blocks(text)
    moved = Report.objects.filter(pk=report_id, version=seen).update(
        version=seen + 1, title=title, changed_at=timezone.now()
    )
    if not moved:
        raise InvalidInput(
            "Somebody saved this report meanwhile. Open it in another tab, and bring over yours."
        )
    ReportVersion.objects.create(
        report_id=report_id,
        number=seen + 1,
        title=title,
        text=text,
        author=author,
        restores=restores,
    )
    _freeze(report_id, text)
    return seen + 1


def check_blocks(text: str) -> None:
    """Raises InvalidInput for more blocks than a page can draw."""
    if len(blocks(text)) > MOST_BLOCKS:
        raise InvalidInput(f"A report holds at most {MOST_BLOCKS} blocks.")


def restore(report: Report, number: int, author: User) -> int:
    """Bring an old version back as the newest. Raises InvalidInput, ReportVersion.DoesNotExist."""
    old = report.versions.get(number=number)
    return save(report.pk, old.title, old.text, author, seen=report.version, restores=number)


def _freeze(report_id: int, text: str) -> None:
    """Draw the frozen blocks that were never drawn before."""
    frozen = {block.key: block for block in blocks(text) if block.is_frozen}
    known = FrozenBlock.objects.filter(report=report_id, key__in=frozen)
    for key in frozen.keys() - set(known.values_list("key", flat=True)):
        FrozenBlock.objects.create(report_id=report_id, key=key, content=draw(frozen[key]))
