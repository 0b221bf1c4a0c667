"""Episodes that a foreign agent records while it plays: opened, grown step by step, ended.

Every call locks the task's row in the experiment, then the open episode, then the experiment: calls
that overlap wait for each other and never in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import F, Max, QuerySet

from retro_core import types
from retro_core.errors import InvalidInput
from retro_core.ratings import effective_rating, rating
from webapp.api.errors import Conflict
from webapp.api.models import OpenEpisode, OpenStep
from webapp.api.pushed_experiments import check_open
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.records import check_sums
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.services import config_of
from webapp.tasks.models import Task, TaskSetMember
from webapp.tasks.services import IMPORTED_SPLIT

MOST_SHOWN = 2**15 - 1  # steps of an episode, as the column of what is under way holds them
NOT_OPEN = "This episode is not open: it was not begun, or is recorded already."


@dataclass(frozen=True, slots=True)
class Ending:
    """How an episode ended; None is the sum of the rewards."""

    success: bool
    truncated: bool
    episode_return: float | None
    final_answer: str
    steps_count: int


@transaction.atomic
def open_episode(
    experiment: Experiment, key: str, trial: int, goal: str, *, restart: bool = False
) -> bool:
    """Begin an episode; False if it was begun or recorded before.

    With `restart` an open one is begun again, without the steps that came so far.
    """
    _locked_rows(experiment, key).first()  # where it is known: in the order told above
    begun_again = restart and _forget_steps(experiment, key, trial)
    row = _task_row(experiment, key, goal)
    if Episode.objects.filter(experiment=experiment, task=row.task_id, trial=trial).exists():
        return False
    _, is_new = OpenEpisode.objects.get_or_create(experiment=experiment, task_key=key, trial=trial)
    if is_new or begun_again:
        _show(row, trial, 0, "")
    return is_new or begun_again


def _forget_steps(experiment: Experiment, key: str, trial: int) -> bool:
    """Drop what an open episode has; False if that is nothing."""
    opened = _open_episodes(experiment, key, trial).first()
    return opened is not None and bool(opened.steps.all().delete()[0])


@transaction.atomic
def add_steps(
    experiment: Experiment, key: str, trial: int, first: int, bodies: Sequence[dict[str, Any]]
) -> bool:
    """Append steps to an open episode; the same ones again are harmless, others a Conflict."""
    row = _row_of(experiment, key)
    episode = _opened(experiment, key, trial)
    stored = {step.index: step.body for step in episode.steps.filter(index__gte=first)}
    new = []
    for index, body in enumerate(bodies, start=first):
        if index not in stored:
            new.append(OpenStep(episode=episode, index=index, body=body))
        elif stored[index] != body:
            raise Conflict(f"Step {index} was sent before with other words.")
    OpenStep.objects.bulk_create(new)
    if new:
        _show(row, trial, new[-1].index + 1, new[-1].body["action"])
    return bool(new)


@transaction.atomic
def end_episode(
    experiment: Experiment, key: str, trial: int, ending: Ending
) -> tuple[Episode, bool]:
    """Record the episode with all that follows from it; the same end again is harmless."""
    row = _row_of(experiment, key)
    recorded = Episode.objects.filter(experiment=experiment, task=row.task_id, trial=trial)
    opened = _open_episodes(experiment, key, trial).first()
    # Looked for after the locks: the same call may have been under way.
    known = recorded.first()
    if known is not None:
        if (known.success, known.step_count) != (ending.success, ending.steps_count):
            raise Conflict("This episode was recorded with another end.")
        return known, False
    if opened is None:
        raise Conflict(NOT_OPEN)
    steps = [_step(step.body) for step in opened.steps.all()]
    check_sums(steps)
    places = list(opened.steps.values_list("index", flat=True))
    if places != list(range(ending.steps_count)):
        raise Conflict(
            f"{len(places)} steps are here, {ending.steps_count} were sent: send the missing ones."
        )
    whole = types.Episode(
        task_id=key,
        trial=trial,
        seed=0,
        head=(),
        steps=tuple(_paid(steps, ending.episode_return)),
        success=ending.success,
        terminated=not ending.truncated,
        truncated=ending.truncated,
        truncation_reason="unknown" if ending.truncated else "",  # type: ignore[arg-type]
        final_answer=ending.final_answer,
    )
    record_episode(row, whole)
    opened.delete()
    return recorded.get(), True


@transaction.atomic
def add_reflection(
    experiment: Experiment, key: str, trial: int, text: str, prompt: str
) -> tuple[Reflection, bool]:
    """Write the reflection of a recorded episode; one that comes late is rated at once."""
    row = _row_of(experiment, key)
    episode = Episode.objects.filter(experiment=experiment, task=row.task_id, trial=trial).first()
    if episode is None:
        raise Conflict("End the episode first: a reflection belongs to a recorded one.")
    written = types.Reflection(key, trial, prompt, text)
    share = config_of(experiment).near_repeat_share
    is_new = record_reflection(row, written, repeat_share=share)
    stored = Reflection.objects.get(episode=episode)
    if stored.text != text:
        raise Conflict("This trial has another reflection already.")
    if is_new:
        _rate_late(stored, episode)
    return stored, is_new


def _rate_late(stored: Reflection, episode: Episode) -> None:
    later = Episode.objects.filter(
        experiment=episode.experiment_id, task=episode.task_id, trial=episode.trial + 1
    ).first()
    if later is not None:
        stored.automatic_rating = rating(episode.episode_return, later.episode_return)
        stored.effective_rating = effective_rating(stored.automatic_rating, adjudicated=None)
        stored.save(update_fields=["automatic_rating", "effective_rating"])


def _task_row(experiment: Experiment, key: str, goal: str) -> ExperimentTask:
    """The task's row in the experiment, added at its end where it is new."""
    # One at a time: two new tasks must not take the same position, and none follows the end.
    check_open(Experiment.objects.select_for_update().get(pk=experiment.pk))
    task, _ = Task.objects.get_or_create(
        environment=experiment.environment,
        key=key,
        defaults={"goal": goal, "split": IMPORTED_SPLIT},
    )
    if goal and not task.goal:
        Task.objects.filter(pk=task.pk).update(goal=goal)
    elif goal and task.goal != goal:
        raise Conflict(f"The task {key!r} is known with another goal.")
    stored = ExperimentTask.objects.filter(experiment=experiment, task=task).first()
    if stored is not None:
        return stored
    last = experiment.experiment_tasks.aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    _add_member(experiment.task_set_id, task)
    Experiment.objects.filter(pk=experiment.pk).update(tasks_total=F("tasks_total") + 1)
    return ExperimentTask.objects.create(experiment=experiment, task=task, position=position)


def _add_member(task_set_id: int, task: Task) -> None:
    members = TaskSetMember.objects.filter(task_set=task_set_id)
    last = members.aggregate(last=Max("position"))["last"]
    if not members.filter(task=task).exists():
        position = 0 if last is None else last + 1
        TaskSetMember.objects.create(task_set_id=task_set_id, task=task, position=position)


def _locked_rows(experiment: Experiment, key: str) -> QuerySet[ExperimentTask]:
    """The task's row in the experiment, or none."""
    rows = ExperimentTask.objects.select_for_update(of=("self",))
    return rows.filter(experiment=experiment, task__key=key)


def _row_of(experiment: Experiment, key: str) -> ExperimentTask:
    """The task's row, locked: a reflection and the end of the next trial must see each other."""
    row = _locked_rows(experiment, key).first()
    if row is None:
        raise Conflict(f"The experiment has no task {key!r} yet: open an episode first.")
    return row


def _opened(experiment: Experiment, key: str, trial: int) -> OpenEpisode:
    episode = _open_episodes(experiment, key, trial).first()
    if episode is None:
        raise Conflict(NOT_OPEN)
    return episode


def _open_episodes(experiment: Experiment, key: str, trial: int) -> QuerySet[OpenEpisode]:
    """The one of that trial, locked."""
    rows = OpenEpisode.objects.select_for_update()
    return rows.filter(experiment=experiment, task_key=key, trial=trial)


def _show(row: ExperimentTask, trial: int, step: int, action: str) -> None:
    """What the page of the experiment shows as being played right now."""
    ExperimentTask.objects.filter(pk=row.pk).update(
        live_trial=trial, live_step=min(step, MOST_SHOWN), live_action=action[:200]
    )


def _step(body: dict[str, Any]) -> types.Step:
    usage = types.Usage(body["prompt_tokens"], body["completion_tokens"], body["seconds"])
    return types.Step(
        thought=body["thought"],
        action=body["action"],
        observation=body["observation"],
        reward=body["reward"],
        invalid=body["invalid"],
        usage=usage,
    )


def _paid(steps: list[types.Step], told: float | None) -> list[types.Step]:
    """Steps whose rewards add up to the told return, which unpaid steps get at the last one."""
    if told is None or abs(sum(step.reward for step in steps) - told) < 1e-9:
        return steps
    if not steps or any(step.reward for step in steps):
        raise InvalidInput("episode_return is not the sum of the rewards of the steps.")
    return [*steps[:-1], replace(steps[-1], reward=told)]
