"""Recorded episodes from a log file: all of it, or nothing and the reasons."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from retro_core.errors import InvalidInput
from webapp.batches import batches
from webapp.episodes.import_batch import Shelf
from webapp.episodes.log_lines import LogLine, read_line

BATCH_LINES = 500
MOST_REASONS = 200


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be imported. Numbers count from 1."""

    number: int
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import did. `bad_lines` lists the first ones, `bad_count` counts all."""

    imported: int = 0
    known: int = 0
    bad_count: int = 0
    experiments: dict[int, str] = field(default_factory=dict)
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether nothing was written because of bad lines."""
        return bool(self.bad_count) and not self.imported and not self.experiments

    def add_bad(self, number: int, reason: str) -> None:
        """Count a bad line, and keep its reason while there is room."""
        self.bad_count += 1
        if len(self.bad_lines) < MOST_REASONS:
            self.bad_lines.append(BadLine(number, reason))


def import_episodes(
    lines: Iterable[bytes], *, source: str, experiment_name: str = "", skip_bad: bool = False
) -> ImportReport:
    """Import a log of one JSON object a line, in one transaction.

    A bad line means that nothing is written, unless `skip_bad`. Episodes that are here already
    are left as they are, so the same file can be imported again. `source` names the file;
    `experiment_name` replaces the experiment that the lines name, if they all name the same.
    """
    report = ImportReport()
    with transaction.atomic():
        shelf = Shelf(source, experiment_name)
        for batch in batches(_good_lines(lines, report), BATCH_LINES):
            shelf.put(batch, report.add_bad)
        if report.bad_count and not skip_bad:
            transaction.set_rollback(True)
            return ImportReport(bad_count=report.bad_count, bad_lines=_in_order(report))
        shelf.close()
    report.imported, report.known = shelf.imported, shelf.known
    report.experiments = {row.pk: row.name for row in shelf.experiments.values()}
    report.bad_lines = _in_order(report)
    return report


def _good_lines(lines: Iterable[bytes], report: ImportReport) -> Iterable[LogLine]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield read_line(line, number)
        except InvalidInput as error:
            report.add_bad(number, str(error))


def _in_order(report: ImportReport) -> list[BadLine]:
    return sorted(report.bad_lines, key=lambda bad: bad.number)
