"""Asking for the counterfactual rating of reflections, and what the replays come to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Abs, Coalesce

from retro_core.config import WRITES_REFLECTIONS
from retro_core.counterfactual import Difference, PlannedReplay, difference
from retro_core.types import Episode
from webapp import jobs
from webapp.annotation.models import Counterfactual, Queue, Replay, Work
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment

PAIRS = 4
TEMPERATURE = 0.5  # where the actor always acts alike, every pair would be the same
MOST_ASKED = 1000
Status = Work.Status


@dataclass(slots=True)
class Asked:
    """What became of a request: rows queued, those rated already, and why others cannot be."""

    queued: list[int] = field(default_factory=list)
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def words(self) -> str:
        """One line for a person."""
        parts = [f"{len(self.queued)} asked for"]
        parts += [f"{self.known} rated or under way already"] if self.known else []
        parts += [f"{count} cannot be: {reason}" for reason, count in self.refused.items()]
        return "; ".join(parts) + "."


@transaction.atomic
def request(
    reflection_ids: Iterable[int],
    *,
    pairs: int = PAIRS,
    temperature: float = TEMPERATURE,
    asked_by: User | None = None,
) -> Asked:
    """Queue the replays of each reflection once; asking for more pairs plays only the new ones.

    Other than the first temperature is not taken while replays exist: they would not fit together.
    """
    asked = Asked()
    rows = Reflection.objects.filter(pk__in=list(reflection_ids)).select_related("experiment")
    for reflection in rows.only("pk", "experiment__method", "experiment__source").order_by("pk"):
        reason = why_not(reflection.experiment)
        if reason:
            asked.refused[reason] += 1
        elif (pk := _ask(reflection.pk, pairs, temperature, asked_by)) is None:
            asked.known += 1
        else:
            asked.queued.append(pk)
    for pk in asked.queued:
        jobs.queue_job(jobs.EPISODES, jobs.REPLAY, pk)
    return asked


def why_not(experiment: Experiment) -> str:
    """Why reflections of an experiment cannot be replayed; empty if they can."""
    if experiment.source != Experiment.Source.PLAYED:
        return "its experiment was not played here"
    if experiment.method not in WRITES_REFLECTIONS:
        return f"the method {experiment.method} shows no reflections"
    return ""


def _ask(reflection_id: int, pairs: int, temperature: float, asked_by: User | None) -> int | None:
    """The row to be played, or None where nothing is left to play."""
    row, is_new = Counterfactual.objects.get_or_create(
        reflection_id=reflection_id,
        defaults={"pairs": pairs, "temperature": temperature, "asked_by": asked_by},
    )
    if is_new:
        return row.pk
    unplayed = Counterfactual.objects.filter(pk=row.pk, status=Status.FAILED, replays=None)
    unplayed.update(temperature=temperature)
    more = Q(status=Status.DONE, pairs__lt=pairs) | Q(status=Status.FAILED)
    again = Counterfactual.objects.filter(more, pk=row.pk)
    moved = again.update(status=Status.QUEUED, pairs=max(pairs, row.pairs), unfinished_claims=0)
    return row.pk if moved else None


def record(row: Counterfactual, planned: PlannedReplay, played: Episode) -> bool:
    """Keep a replayed trial; False if it was kept before. No figure of the experiment changes."""
    usages = [step.usage for step in played.steps]
    _, is_new = Replay.objects.get_or_create(
        counterfactual=row,
        pair=planned.pair,
        shown=planned.shown,
        defaults={
            "seed": planned.trial.seed,
            "success": played.success,
            "episode_return": played.episode_return,
            "step_count": len(played.steps),
            "actions": [step.action.replace("\0", "")[:200] for step in played.steps],
            "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
            "completion_tokens": sum(usage.completion_tokens for usage in usages),
        },
    )
    return is_new


def conclude(row: Counterfactual, holder: str) -> bool:
    """Store the mean difference and its interval; False if another worker holds it by now."""
    found = difference_of(row)
    return Counterfactual.objects.end(
        row.pk, holder, status=Status.DONE, mean=found.mean, low=found.low, high=found.high
    )


def difference_of(row: Counterfactual) -> Difference:
    """From the replays that are recorded."""
    rows = row.replays.values_list("pair", "shown", "episode_return")
    return difference({(pair, shown): value for pair, shown, value in rows})


def disagreeing(reflections: "QuerySet[Reflection]") -> "QuerySet[Reflection]":
    """Those whose counterfactual rating has another sign than the automatic one, furthest first."""
    rated = reflections.filter(counterfactual__mean__isnull=False)
    differ = (
        Q(counterfactual__mean__gt=0, automatic_rating__lte=0)
        | Q(counterfactual__mean__lt=0, automatic_rating__gte=0)
        | Q(counterfactual__mean=0) & ~Q(automatic_rating=0)
    )
    gap = Abs(F("counterfactual__mean") - Coalesce("automatic_rating", 0.0))
    return rated.filter(differ).order_by(gap.desc(), "pk")


def not_replayed_first(queue: Queue) -> list[int]:
    """At most MOST_ASKED reflections of a queue, so that asking again reaches the rest."""
    rows = Reflection.objects.filter(pk__in=queue.items.values("reflection"))
    ordered = rows.order_by(F("counterfactual").asc(nulls_first=True), "pk")
    return list(ordered.values_list("pk", flat=True)[:MOST_ASKED])
