"""The task page beside its comparison: the row of trials, and the task in other experiments."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp import present
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment, ExperimentTask

ELSEWHERE_SHOWN = 12
State = ExperimentTask.State


@dataclass(frozen=True, slots=True)
class TrialStop:
    """One trial in the row, with the way that led to it from the trial before."""

    episode: Episode
    episode_return: str
    pair: str
    rating: str
    rating_class: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same task in another experiment."""

    experiment: Experiment
    outcome: str
    solved: bool


def trial_stops(trials: Sequence[Episode], before: int, after: int) -> list[TrialStop]:
    """The trials in order; `pair` compares one with the trial before it."""
    return [
        _stop(earlier, episode, before, after)
        for earlier, episode in zip([None, *trials], trials, strict=False)
    ]


def _stop(earlier: Episode | None, episode: Episode, before: int, after: int) -> TrialStop:
    reflection = getattr(earlier, "reflection", None)
    rating = reflection.effective_rating if reflection else None
    return TrialStop(
        episode=episode,
        episode_return=present.decimal(episode.episode_return),
        pair=f"?from={earlier.trial}&to={episode.trial}" if earlier else "",
        rating=present.signed(rating) if reflection else "",
        rating_class=present.rating_class(rating),
        is_chosen=earlier is not None and (earlier.trial, episode.trial) == (before, after),
    )


def elsewhere(row: ExperimentTask) -> list[Elsewhere]:
    """The newest other experiments that played the task."""
    shown = Experiment.objects.unarchived()
    others = ExperimentTask.objects.filter(task=row.task_id, experiment__in=shown)
    rows = others.exclude(pk=row.pk).select_related("experiment").order_by("-experiment")
    return [_elsewhere(other) for other in rows[:ELSEWHERE_SHOWN]]


def _elsewhere(row: ExperimentTask) -> Elsewhere:
    words = {
        State.SOLVED: f"solved in trial {row.solved_at_trial}",
        State.UNSOLVED: f"not solved in {row.trials_done} trials",
        State.FAILED: "could not be played",
        State.OPEN: f"open after {row.trials_done} trials",
    }
    state = State(row.state)
    return Elsewhere(row.experiment, words[state], state == State.SOLVED)
