"""The kinds of failure: what each means, and their counts kept for the failure atlas."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from retro_core import types
from retro_core.alignment import Move
from retro_core.failures import looped_steps, repeated_actions
from webapp.episodes.models import Episode, FailureCount, Reflection

Truncation = Episode.Truncation


@dataclass(frozen=True, slots=True)
class Kind:
    """A way for an episode to go wrong, and the condition on its row."""

    name: str
    words: str
    meaning: str
    condition: Q


KINDS = {
    kind.name: kind
    for kind in [
        Kind("unsolved", "Not solved", "The task was not solved.", Q(success=False)),
        Kind(
            "invalid",
            "No effect",
            "At least one action was not understood, or changed nothing.",
            Q(invalid_count__gt=0),
        ),
        Kind(
            "repeated",
            "Repeated action",
            "At least one action was the same as the one right before.",
            Q(repeated_count__gt=0),
        ),
        Kind(
            "looped",
            "Loop",
            "A cycle of two to six steps was gone through again, with the same observations.",
            Q(looped_count__gt=0),
        ),
        Kind(
            "step_cap",
            "Step cap",
            "Stopped because the number of steps was used up.",
            Q(truncation_reason=Truncation.STEP_CAP),
        ),
        Kind(
            "context_full",
            "Context full",
            "A prompt left old observations out, or the episode was stopped for lack of room.",
            Q(dropped_count__gt=0) | Q(truncation_reason=Truncation.CONTEXT_FULL),
        ),
        Kind(
            "other_stop",
            "Other stop",
            "Stopped for repeating an action, given up, or for a reason that was not recorded.",
            Q(
                truncation_reason__in=[
                    Truncation.REPEATED_ACTION,
                    Truncation.GIVEN_UP,
                    Truncation.UNKNOWN,
                ]
            ),
        ),
        Kind(
            "repeating",
            "Repeated reflection",
            "The reflection after it says again what the one before said.",
            Q(reflection_repeats=True),
        ),
    ]
}


def failure_columns(steps: Sequence[types.Step]) -> dict[str, int]:
    """The columns of an episode that count what went wrong in its steps."""
    moves = [Move(step.action, step.observation) for step in steps]
    return {
        "repeated_count": repeated_actions(moves),
        "looped_count": looped_steps(moves),
        "dropped_count": sum(step.dropped_observations > 0 for step in steps),
    }


def count_failures(stored: Episode) -> None:
    """Add one new episode to the rollup, inside the transaction that writes it."""
    for row in _counts(Episode.objects.filter(pk=stored.pk)):
        FailureCount.objects.get_or_create(
            experiment_id=row.experiment_id, task_type=row.task_type, trial=row.trial
        )
        _cell(row.experiment_id, row.task_type, row.trial).update(
            **{name: F(name) + getattr(row, name) for name in ("episodes", *KINDS)}
        )


def count_repeating(episode: Episode) -> None:
    """Its reflection repeats the one before: mark the episode and count it."""
    if Episode.objects.filter(pk=episode.pk, reflection_repeats=False).update(
        reflection_repeats=True
    ):
        cell = _cell(episode.experiment_id, episode.task.task_type, episode.trial)
        cell.update(repeating=F("repeating") + 1)


def recount_failures(experiment_id: int) -> None:
    """Derive the marks and the rollup of one experiment again; repeating it changes nothing."""
    episodes = Episode.objects.filter(experiment=experiment_id)
    repeats = Reflection.objects.filter(episode=OuterRef("pk"), repeats_previous=True)
    episodes.update(reflection_repeats=Exists(repeats))
    FailureCount.objects.filter(experiment=experiment_id).delete()
    FailureCount.objects.bulk_create(_counts(episodes), batch_size=1000)


def _cell(experiment_id: int, task_type: str, trial: int) -> "QuerySet[FailureCount]":
    return FailureCount.objects.filter(experiment=experiment_id, task_type=task_type, trial=trial)


def _counts(episodes: "QuerySet[Episode]") -> list[FailureCount]:
    """Unsaved rollup rows over episodes."""
    counted = {name: Count("pk", filter=kind.condition) for name, kind in KINDS.items()}
    rows: Iterable[Mapping[str, Any]] = (
        episodes.order_by()
        .values("experiment_id", "task__task_type", "trial")
        .annotate(episodes=Count("pk"), **counted)
    )
    columns = ("experiment_id", "trial", "episodes", *KINDS)
    return [
        FailureCount(task_type=row["task__task_type"], **{name: row[name] for name in columns})
        for row in rows
    ]
