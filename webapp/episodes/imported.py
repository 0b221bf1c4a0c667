"""Counters, curve, task rows and ratings of an imported experiment, from its episodes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Value
from django.db.models.functions import Greatest

from retro_core.memory import word_overlap
from retro_core.ratings import effective_rating, rating
from webapp.episodes.failures import recount_failures
from webapp.episodes.imported_prompts import fill_prompts
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import CurvePoint, Experiment, ExperimentTask
from webapp.experiments.services import config_of
from webapp.tasks.models import TaskSet, TaskSetMember
from webapp.tasks.services import IMPORTED_SPLIT

BATCH = 1000
Played = Mapping[int, Sequence[Episode]]


def settle(experiment: Experiment) -> None:
    """Derive everything again from the recorded episodes; repeating it changes nothing."""
    played = _episodes_by_task(experiment)
    _settle_tasks(experiment, played)
    _settle_curve(experiment, played)
    reflections = _rate_reflections(experiment, played)
    _settle_counters(experiment, played, reflections)
    recount_failures(experiment.pk)
    fill_prompts(experiment)


def _episodes_by_task(experiment: Experiment) -> Played:
    """Every task's episodes by trial; tasks in the order of their first line."""
    by_task: dict[int, list[Episode]] = defaultdict(list)
    for episode in experiment.episodes.order_by("id"):
        by_task[episode.task_id].append(episode)
    return {task: sorted(rows, key=lambda row: row.trial) for task, rows in by_task.items()}


def _solved_at(episodes: Sequence[Episode]) -> int | None:
    return next((episode.trial for episode in episodes if episode.success), None)


def _settle_tasks(experiment: Experiment, played: Played) -> None:
    state = ExperimentTask.State
    rows = [
        ExperimentTask(
            experiment=experiment,
            task_id=task_id,
            position=position,
            state=state.UNSOLVED if _solved_at(episodes) is None else state.SOLVED,
            trials_done=episodes[-1].trial,
            solved_at_trial=_solved_at(episodes),
        )
        for position, (task_id, episodes) in enumerate(played.items())
    ]
    experiment.experiment_tasks.all().delete()
    ExperimentTask.objects.bulk_create(rows, batch_size=BATCH)
    if experiment.task_set.split == IMPORTED_SPLIT:
        _add_members(experiment.task_set, list(played))


def _add_members(task_set: TaskSet, task_ids: Sequence[int]) -> None:
    """New tasks join at the end of a task set that an import made."""
    known = dict(task_set.members.values_list("task", "position"))
    new = [task_id for task_id in task_ids if task_id not in known]
    first = max(known.values(), default=-1) + 1
    TaskSetMember.objects.bulk_create(
        [
            TaskSetMember(task_set=task_set, task_id=task_id, position=position)
            for position, task_id in enumerate(new, start=first)
        ],
        batch_size=BATCH,
    )


def _settle_curve(experiment: Experiment, played: Played) -> None:
    points: dict[int, CurvePoint] = {}
    for episodes in played.values():
        solved_at = _solved_at(episodes)
        for episode in episodes:
            point = points.setdefault(
                episode.trial, CurvePoint(experiment=experiment, trial=episode.trial)
            )
            point.attempts += 1
            point.solved += episode.trial == solved_at
            point.return_sum += episode.episode_return
            point.step_sum += episode.step_count
    experiment.curve_points.all().delete()
    CurvePoint.objects.bulk_create(points.values())


def _rate_reflections(experiment: Experiment, played: Played) -> int:
    """Rate each reflection by the very next trial, where there is one, and mark repeats."""
    returns = {
        (task, episode.trial): episode.episode_return
        for task, episodes in played.items()
        for episode in episodes
    }
    share = config_of(experiment).near_repeat_share
    previous: dict[int, str] = {}
    changed = []
    rows = list(
        experiment.reflections.select_related("episode")
        .select_for_update(of=("self",))
        .order_by("episode__trial", "episode")
    )
    for row in rows:
        before_it = _derived(row)
        task, trial = row.episode.task_id, row.episode.trial
        _rate(row, returns[task, trial], returns.get((task, trial + 1)))
        before = previous.get(task)
        row.repeats_previous = before is not None and word_overlap(before, row.text) >= share
        previous[task] = row.text
        if _derived(row) != before_it:
            changed.append(row)
    columns = ["automatic_rating", "effective_rating", "repeats_previous"]
    Reflection.objects.bulk_update(changed, columns, batch_size=BATCH)
    return len(rows)


def _derived(row: Reflection) -> tuple[float | None, float | None, bool]:
    return row.automatic_rating, row.effective_rating, row.repeats_previous


def _rate(row: Reflection, earlier: float, later: float | None) -> None:
    """A rating that is there stays: people may have answered it."""
    if later is not None and row.automatic_rating is None:
        row.automatic_rating = rating(earlier, later)
        row.effective_rating = effective_rating(row.automatic_rating, adjudicated=row.human_rating)


def _settle_counters(experiment: Experiment, played: Played, reflections: int) -> None:
    episodes = [episode for rows in played.values() for episode in rows]
    Experiment.objects.filter(pk=experiment.pk).update(
        trials=Greatest("trials", Value(max((row.trial for row in episodes), default=1))),
        prompt_tokens=sum(episode.prompt_tokens for episode in episodes),
        completion_tokens=sum(episode.completion_tokens for episode in episodes),
        tasks_total=len(played),
        tasks_ended=len(played),
        tasks_solved=sum(_solved_at(rows) is not None for rows in played.values()),
        episodes_count=len(episodes),
        steps_count=sum(episode.step_count for episode in episodes),
        reflections_count=reflections,
    )
