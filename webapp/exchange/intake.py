"""One import: every row checked, then all written in one transaction, or nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from django.contrib.auth.models import User
from django.db import transaction

from webapp.batches import batches
from webapp.episodes.import_batch import Shelf
from webapp.episodes.imported import settle
from webapp.episodes.log_lines import read_values
from webapp.exchange.checking import BadRows, problem
from webapp.exchange.reading import Found, Source
from webapp.exchange.taking.counts import Refuse, Taken
from webapp.exchange.taking.experiments import take_experiment
from webapp.exchange.taking.ratings import RatingShelf
from webapp.exchange.taking.reflections import ReflectionShelf
from webapp.exchange.taking.tasks import TaskShelf
from webapp.experiments.models import Experiment

BATCH = 500
Tell = Callable[[int], None]  # rows so far; raises to end the import


@dataclass(frozen=True, slots=True)
class Terms:
    """How an import treats bad rows, and who does it."""

    source: str
    skip_bad: bool = False
    importer: User | None = None


def check(sources: Iterable[Source], bad: BadRows, tell: Tell) -> int:
    """Name every row that is bad by itself; return how many rows there are."""
    rows = 0
    for found in chain.from_iterable(source.rows() for source in sources):
        rows += 1
        reason = problem(found)
        if reason:
            bad.add(found.file, found.number, reason)
        if rows % BATCH == 0:
            tell(rows)
    return rows


def take(
    sources: Iterable[Source],
    terms: Terms,
    bad: BadRows,
    tell: Tell,
    confirm: Callable[[Taken], bool],
) -> Taken | None:
    """Write the good rows in one transaction; None where bad ones forbid it.

    `confirm` is the last thing inside the transaction; if it says no, nothing is written.
    """
    with transaction.atomic():
        taker = _Taker(terms, bad)
        done = 0
        for source in sources:
            for batch in batches(source.rows(), BATCH):
                taker.put(batch)
                done += len(batch)
                tell(done)
        taken = None if bad.count and not terms.skip_bad else taker.close()
        if taken is None or not confirm(taken):
            transaction.set_rollback(True)
            return None
    return taken


class _Taker:
    """Hands rows to the shelf of their table."""

    def __init__(self, terms: Terms, bad: BadRows) -> None:
        self.bad = bad
        self.taken = Taken()
        self._tasks = TaskShelf(terms.source, self.taken)
        self._episodes = Shelf(terms.source)
        self._reflections = ReflectionShelf(self.taken)
        self._ratings = RatingShelf(self.taken, terms.importer)

    def put(self, batch: Sequence[Found]) -> None:
        """Store a batch; rows that are bad by themselves were named before."""
        good = [row for row in batch if not problem(row)]
        for file, some in groupby(good, key=lambda row: row.file):
            rows = list(some)
            self._put(rows, self._refusal(file))

    def close(self) -> Taken:
        """Derive what follows from the rows."""
        touched = self._reflections.touched - set(self.taken.experiments)
        self._episodes.close()
        for experiment in Experiment.objects.filter(pk__in=self._reflections.touched):
            settle(experiment)
        self._ratings.close()
        self.taken.new["episodes"] = self._episodes.imported
        self.taken.known["episodes"] = self._episodes.known
        shown = Experiment.objects.filter(pk__in=touched).values_list("pk", "name")
        self.taken.experiments |= dict(shown)
        self.taken.experiments |= {e.pk: e.name for e in self._episodes.experiments.values()}
        return self.taken

    def _put(self, rows: list[Found], refuse: Refuse) -> None:
        match rows[0].table.name:
            case "tasks":
                self._tasks.put(rows, refuse)
            case "experiments":
                for row in rows:
                    take_experiment(row, self.taken, refuse)
            case "episodes":
                lines = [read_values(row.values, row.number) for row in rows]
                self._episodes.put(lines, refuse)
            case "reflections":
                self._reflections.put(rows, refuse)
            case "ratings":
                self._ratings.put(rows, refuse)

    def _refusal(self, file: str) -> Refuse:
        return lambda number, reason: self.bad.add(file, number, reason)
