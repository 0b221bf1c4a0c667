"""Writing each finished episode and reflection once, with all that follows from it."""

from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from retro_core import types
from retro_core.memory import word_overlap
from retro_core.ratings import effective_rating, rating
from retro_core.storable import storable
from webapp.episodes.failures import count_failures, count_repeating, failure_columns
from webapp.episodes.models import Episode, EpisodeHead, Reflection, Step
from webapp.episodes.records import reflection_columns, step_rows, turns
from webapp.experiments.models import CurvePoint, Experiment, ExperimentTask

STEP_BATCH = 1000


def record_episode(row: ExperimentTask, episode: types.Episode) -> bool:
    """Write a finished episode with all that follows from it, in one transaction.

    False if that trial was recorded before: the first record stays and nothing is counted twice.
    """
    with transaction.atomic():
        stored, is_new = Episode.objects.get_or_create(
            experiment_id=row.experiment_id,
            task_id=row.task_id,
            trial=episode.trial,
            defaults=_episode_columns(episode),
        )
        if is_new:
            _add_texts(stored, episode)
            _rate_previous(stored)
            _count_curve(stored)
            count_failures(stored)
            _count_task(row.pk, stored)
        return is_new


@transaction.atomic
def fail_task(row: ExperimentTask, reason: str) -> bool:
    """Mark an open task that cannot be played; no episode is recorded for it."""
    still_open = ExperimentTask.objects.filter(pk=row.pk, state=ExperimentTask.State.OPEN)
    failed = still_open.update(
        state=ExperimentTask.State.FAILED, error=storable(reason), live_trial=0, live_step=0
    )
    Experiment.objects.filter(pk=row.experiment_id).update(tasks_failed=F("tasks_failed") + failed)
    return bool(failed)


def record_reflection(
    row: ExperimentTask, written: types.Reflection, *, repeat_share: float
) -> bool:
    """Write the reflection of a recorded episode; False if it has one already."""
    with transaction.atomic():
        episode = Episode.objects.select_related("task").get(
            experiment=row.experiment_id, task=row.task_id, trial=written.trial
        )
        columns = reflection_columns(written)
        columns["repeats_previous"] = _repeats_earlier(episode, written.text, repeat_share)
        _, is_new = Reflection.objects.get_or_create(
            episode=episode, defaults=columns | {"experiment_id": row.experiment_id}
        )
        if is_new:
            if columns["repeats_previous"]:
                count_repeating(episode)
            Experiment.objects.filter(pk=row.experiment_id).update(
                reflections_count=F("reflections_count") + 1,
                prompt_tokens=F("prompt_tokens") + written.usage.prompt_tokens,
                completion_tokens=F("completion_tokens") + written.usage.completion_tokens,
            )
        return is_new


def _add_texts(stored: Episode, episode: types.Episode) -> None:
    """Write the head and the steps of a new episode row."""
    if episode.head:
        EpisodeHead.objects.create(episode=stored, messages=turns(episode.head))
    Step.objects.bulk_create(step_rows(stored, episode.steps), batch_size=STEP_BATCH)


def _episode_columns(episode: types.Episode) -> dict[str, Any]:
    usages = [step.usage for step in episode.steps]
    return {
        "seed": episode.seed,
        "success": episode.success,
        "episode_return": episode.episode_return,
        "terminated": episode.terminated,
        "truncated": episode.truncated,
        "truncation_reason": episode.truncation_reason,
        "final_answer": storable(episode.final_answer),
        "step_count": len(episode.steps),
        "invalid_count": sum(step.invalid for step in episode.steps),
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
        "completion_tokens": sum(usage.completion_tokens for usage in usages),
        "seconds": sum(usage.seconds for usage in usages),
        "finished_at": timezone.now(),
        **failure_columns(episode.steps),
    }


def _rate_previous(stored: Episode) -> None:
    """The episode tells what the reflection before it was worth."""
    before = (
        Reflection.objects.filter(
            experiment=stored.experiment_id,
            episode__task=stored.task_id,
            episode__trial=stored.trial - 1,
        )
        .select_related("episode")
        .select_for_update(of=("self",))
    )
    for reflection in before:
        value = rating(reflection.episode.episode_return, stored.episode_return)
        reflection.automatic_rating = value
        reflection.effective_rating = effective_rating(value, adjudicated=reflection.human_rating)
        reflection.save(update_fields=["automatic_rating", "effective_rating"])


def _count_curve(stored: Episode) -> None:
    point, _ = CurvePoint.objects.get_or_create(
        experiment_id=stored.experiment_id, trial=stored.trial
    )
    CurvePoint.objects.filter(pk=point.pk).update(
        attempts=F("attempts") + 1,
        return_sum=F("return_sum") + stored.episode_return,
        step_sum=F("step_sum") + stored.step_count,
    )


def _count_task(row_id: int, stored: Episode) -> None:
    """Move the task on, and the counters of its experiment and curve with it.

    An agent elsewhere may play on after a success, or send trials in any order: a task ends once,
    and is solved at the first trial that solved it.
    """
    row = (
        ExperimentTask.objects.select_for_update(of=("self",))
        .select_related("experiment")
        .get(pk=row_id)
    )
    before = row.solved_at_trial
    first = min(before or stored.trial, stored.trial) if stored.success else before
    ends = first is not None or stored.trial >= row.experiment.trials
    if first != before:
        _move_solved(row.experiment_id, before, first)
    ExperimentTask.objects.filter(pk=row_id).update(
        state=_state_after(row, solved=first is not None, ends=ends),
        trials_done=Greatest("trials_done", Value(stored.trial)),
        solved_at_trial=first,
        unfinished_claims=0,
        live_trial=0,
        live_step=0,
        live_action="",
    )
    Experiment.objects.filter(pk=row.experiment_id).update(
        tasks_ended=F("tasks_ended") + int(ends and row.state == ExperimentTask.State.OPEN),
        tasks_solved=F("tasks_solved") + int(first is not None and before is None),
        episodes_count=F("episodes_count") + 1,
        steps_count=F("steps_count") + stored.step_count,
        prompt_tokens=F("prompt_tokens") + stored.prompt_tokens,
        completion_tokens=F("completion_tokens") + stored.completion_tokens,
    )


def _move_solved(experiment_id: int, before: int | None, first: int | None) -> None:
    """On the curve a task counts as solved at its first success."""
    points = CurvePoint.objects.filter(experiment_id=experiment_id)
    for trial, step in ((before, -1), (first, 1)):
        if trial is not None:
            points.filter(trial=trial).update(solved=F("solved") + step)


def _state_after(row: ExperimentTask, *, solved: bool, ends: bool) -> str:
    if solved:
        return ExperimentTask.State.SOLVED
    return ExperimentTask.State.UNSOLVED if ends else row.state


def _repeats_earlier(episode: Episode, text: str, share: float) -> bool:
    earlier = Reflection.objects.filter(
        experiment=episode.experiment_id,
        episode__task=episode.task_id,
        episode__trial__lt=episode.trial,
    ).order_by("-episode__trial")
    previous = earlier.values_list("text", flat=True).first()
    return previous is not None and word_overlap(previous, text) >= share
