"""Making queues: which reflections, how sampled; and the changes a queue may have later."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.annotation.models import (
    Adjudication,
    Guidelines,
    ModelScore,
    Queue,
    QueueItem,
    Response,
)
from webapp.annotation.services.counterfactual import disagreeing
from webapp.episodes.models import Reflection
from webapp.names import taken_once

MOST_ITEMS = 10_000
RATINGS: dict[str, Q] = {
    "any": Q(),
    "zero": Q(automatic_rating=0),
    "helped": Q(automatic_rating__gt=0),
    "hurt": Q(automatic_rating__lt=0),
    "unrated": Q(automatic_rating=None),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which reflections a queue is made of. Shares are of `size`.

    `zero_share` are drawn from those rated zero, `disputed_share` from those that people value
    differently, `model_share` from those on whose sign the reward model `adapter` disagrees with
    the automatic rating (most certain first), `uncertain_share` from its scores nearest to 0,
    `replayed_share` from those whose counterfactual rating has another sign (furthest first),
    `gold_share` from decided gold, `control_share` from all; the rest in the order of the filter's
    random draw.
    `again_share` are second copies of items drawn, to see whether people repeat themselves.
    """

    experiments: list[int]
    rating: str = "any"
    no_repeats: bool = False
    unanswered: bool = False
    size: int = 100
    zero_share: float = 0.0
    disputed_share: float = 0.0
    control_share: float = 0.0
    adapter: int | None = None
    model_share: float = 0.0
    uncertain_share: float = 0.0
    replayed_share: float = 0.0
    gold_share: float = 0.0
    again_share: float = 0.0

    @property
    def distinct(self) -> int:
        """Different reflections among the items."""
        return self.size - round(self.again_share * self.size)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a queue is worked."""

    name: str
    notes: str = ""
    overlap: int = 1
    priority: int = 0
    blind: bool = True
    shows_automatic: bool = True
    shows_gold: bool = True
    scored_by_id: int | None = None
    deadline: date | None = None
    seed: int = 0


def candidates(selection: Selection) -> "QuerySet[Reflection]":
    """The reflections that the filter lets through."""
    rows = Reflection.objects.filter(RATINGS[selection.rating], experiment__deleted_at=None)
    if selection.experiments:
        rows = rows.filter(experiment__in=selection.experiments)
    if selection.no_repeats:
        rows = rows.filter(repeats_previous=False)
    if selection.unanswered:
        rows = rows.exclude(pk__in=Response.objects.current().values("reflection"))
    return rows


def sample(selection: Selection, seed: int) -> dict[int, QueueItem.Source]:
    """Reflections with the reason why each was chosen; the same seed draws the same."""
    rows = candidates(selection)
    everything = sorted(rows.values_list("pk", flat=True))
    zero = set(rows.filter(automatic_rating=0).values_list("pk", flat=True))
    disputed = _disputed() & set(everything)
    source = QueueItem.Source
    rng = random.Random(seed)
    rng.shuffle(everything)
    scored = _by_score(selection.adapter, rows)
    replayed = disagreeing(rows).values_list("pk", flat=True)
    gold = _gold(selection)
    rng.shuffle(gold)
    wanted = [
        (source.GOLD, gold, selection.gold_share),
        (source.DISPUTED, [pk for pk in everything if pk in disputed], selection.disputed_share),
        (source.MODEL, scored.against, selection.model_share),
        (source.UNCERTAIN, scored.uncertain, selection.uncertain_share),
        (source.REPLAYED, replayed, selection.replayed_share),
        (source.CONTROL, everything, selection.control_share),
        (source.ZERO, [pk for pk in everything if pk in zero], selection.zero_share),
    ]
    chosen: dict[int, QueueItem.Source] = {}
    for name, pool, share in wanted:
        _draw(chosen, name, pool, round(share * selection.size))
    _draw(chosen, source.FILTER, everything, selection.distinct - len(chosen))
    return chosen


def asked_again(
    chosen: Mapping[int, QueueItem.Source], selection: Selection, seed: int
) -> list[int]:
    """Which of the chosen reflections get a second copy; no gold, whose decision is told."""
    pool = sorted(pk for pk, source in chosen.items() if source != QueueItem.Source.GOLD)
    count = min(round(selection.again_share * selection.size), len(pool))
    return sorted(random.Random(f"again-{seed}").sample(pool, count))


@dataclass(frozen=True, slots=True)
class _Scored:
    """Reflections by what a reward model says of them."""

    against: list[int]
    uncertain: list[int]


def _by_score(adapter: int | None, rows: "QuerySet[Reflection]") -> _Scored:
    """Scores are log-odds: above 0 is good."""
    if adapter is None:
        return _Scored([], [])
    scores = ModelScore.objects.filter(adapter=adapter, reflection__in=rows)
    found = list(scores.values_list("reflection", "score", "reflection__automatic_rating"))
    against = [
        (pk, score)
        for pk, score, automatic in found
        if automatic is not None and (score > 0) != (automatic > 0)
    ]
    return _Scored(
        against=[pk for pk, score in sorted(against, key=lambda row: (-abs(row[1]), row[0]))],
        uncertain=[pk for pk, *_ in sorted(found, key=lambda row: (abs(row[1]), row[0]))],
    )


def _gold(selection: Selection) -> list[int]:
    """Decided gold of the chosen experiments, answered or not."""
    decided = Adjudication.objects.current().filter(gold=True)
    decided = decided.filter(reflection__experiment__deleted_at=None)
    if selection.experiments:
        decided = decided.filter(reflection__experiment__in=selection.experiments)
    return sorted(decided.values_list("reflection", flat=True))


def _draw(
    chosen: dict[int, QueueItem.Source], name: QueueItem.Source, pool: Iterable[int], count: int
) -> None:
    fresh = [pk for pk in pool if pk not in chosen]
    chosen |= dict.fromkeys(fresh[: max(count, 0)], name)


def _disputed() -> set[int]:
    """Reflections that different people gave different values, still undecided."""
    given: dict[int, set[float | None]] = defaultdict(set)
    rows = Response.objects.valued().newest_of_each()
    for reflection_id, value in rows.values_list("reflection", "value"):
        given[reflection_id].add(value)
    differing = {pk for pk, values in given.items() if len(values) > 1}
    decided = Reflection.objects.filter(
        adjudications__withdrawn=False, adjudications__replaced_by=None
    )
    return differing - set(decided.values_list("pk", flat=True))


@transaction.atomic
def make_queue(
    owner: User, terms: Terms, selection: Selection, guidelines: str, people: Iterable[User] = ()
) -> Queue:
    """Make a queue with its items, its first guidelines and its people."""
    with taken_once("queue", terms.name):
        queue = Queue.objects.create(owner=owner, selection=asdict(selection), **asdict(terms))
    chosen = sample(selection, terms.seed)
    QueueItem.objects.bulk_create(
        QueueItem(queue=queue, reflection_id=pk, source=source) for pk, source in chosen.items()
    )
    QueueItem.objects.bulk_create(
        QueueItem(queue=queue, reflection_id=pk, source=QueueItem.Source.AGAIN, copy=1)
        for pk in asked_again(chosen, selection, terms.seed)
    )
    queue.people.set(people)
    write_guidelines(queue, owner, guidelines, seen=0)
    return queue


@transaction.atomic
def write_guidelines(queue: Queue, author: User, text: str, *, seen: int) -> None:
    """Add a version after the one that the author saw, unless nothing changed.

    The queue's row is locked so that numbers follow. Raises InvalidInput if another came meanwhile.
    """
    locked = Queue.objects.select_for_update().get(pk=queue.pk)
    last = locked.guidelines.first()
    if not text.strip() or (last is not None and last.text == text):
        return
    newest = last.version if last else 0
    if seen != newest:
        raise InvalidInput(
            f"Somebody wrote version {newest} meanwhile. Bring yours together with it."
        )
    Guidelines.objects.create(queue=locked, version=newest + 1, text=text, author=author)


def close(queue_id: int) -> bool:
    """Stop taking answers; leases end with it, drafts stay."""
    return bool(Queue.objects.filter(pk=queue_id, closed_at=None).update(closed_at=timezone.now()))


def reopen(queue_id: int) -> bool:
    """Take answers again."""
    closed = Queue.objects.filter(pk=queue_id).exclude(closed_at=None)
    return bool(closed.update(closed_at=None))
