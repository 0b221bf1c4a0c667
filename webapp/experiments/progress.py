"""How far an experiment is, and how long it may still take."""

from dataclasses import dataclass
from datetime import timedelta
from math import fsum

from django.db.models import Count, Q
from django.db.models.functions import Now

from webapp.experiments.models import Experiment, ExperimentTask

PACE_EPISODES = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of tasks by what happens to them now, and what was spent so far.

    `done` are solved or out of trials; `running` are held by a live worker; `lost` by one that
    stopped renewing. `time_left` is None while nothing is known about the pace.
    """

    total: int
    done: int
    solved: int
    running: int
    waiting: int
    failed: int
    lost: int
    episodes: int
    steps: int
    prompt_tokens: int
    completion_tokens: int
    time_left: timedelta | None

    @property
    def share_done(self) -> float:
        """Ended or failed tasks, 0..1."""
        return (self.done + self.failed) / self.total if self.total else 0.0


def progress(experiment: Experiment) -> Progress:
    """Read the maintained counters, and the few rows that are under way."""
    held = _held_tasks(experiment) if experiment.has_open_tasks else {"running": 0, "lost": 0}
    done, failed = experiment.tasks_ended, experiment.tasks_failed
    return Progress(
        total=experiment.tasks_total,
        done=done,
        solved=experiment.tasks_solved,
        running=held["running"],
        waiting=experiment.tasks_total - done - failed - held["running"] - held["lost"],
        failed=failed,
        lost=held["lost"],
        episodes=experiment.episodes_count,
        steps=experiment.steps_count,
        prompt_tokens=experiment.prompt_tokens,
        completion_tokens=experiment.completion_tokens,
        time_left=_time_left(experiment),
    )


def _held_tasks(experiment: Experiment) -> dict[str, int]:
    """Open tasks that a worker holds, and those whose holder is gone."""
    rows = experiment.experiment_tasks.filter(state=ExperimentTask.State.OPEN)
    return rows.aggregate(
        running=Count("pk", filter=Q(lease_expires_at__gte=Now())),
        lost=Count("pk", filter=Q(lease_expires_at__lt=Now())),
    )


def _time_left(experiment: Experiment) -> timedelta | None:
    """Episodes still expected, at the pace of the newest ones."""
    if not experiment.is_live:
        return None
    newest = experiment.episodes.order_by("-id").values_list("finished_at", flat=True)
    times = sorted(newest[:PACE_EPISODES])
    if len(times) < PACE_EPISODES and times and experiment.started_at:
        # Tasks played together end together: until enough have, the pace counts from the start.
        times.insert(0, experiment.started_at)
    if len(times) < 2:
        return None
    pace = (times[-1] - times[0]) / (len(times) - 1)
    return pace * episodes_expected(experiment)


def episodes_expected(experiment: Experiment) -> float:
    """Episodes that the open tasks are expected to take, each ending at its first success."""
    solved_share = experiment.tasks_solved / max(experiment.episodes_count, 1)
    open_tasks = experiment.experiment_tasks.filter(state=ExperimentTask.State.OPEN)
    groups = open_tasks.values("trials_done").annotate(tasks=Count("pk")).order_by("trials_done")
    return fsum(
        group["tasks"] * expected_trials(experiment.trials - group["trials_done"], solved_share)
        for group in groups
    )


def expected_trials(trials_left: int, solved_share: float) -> float:
    """The mean of a geometric law cut off at `trials_left`."""
    if solved_share <= 0:
        return float(trials_left)
    missed: float = (1 - solved_share) ** trials_left
    return (1 - missed) / solved_share
