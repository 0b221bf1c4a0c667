"""The task matrix: tasks by trials, one cell an episode."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from webapp.experiments.models import Experiment, ExperimentTask

TASKS_SHOWN = 50
NAME_SHOWN = 40
GOAL_SHOWN = 160
SHADES = 5
ORDERS = ("position", "solved")
COLUMNS = (
    *("experiment_id", "state", "error", "trials_done", "live_trial", "live_step"),
    *("task__key", "task__goal"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One trial of a task; without an address where nothing was played."""

    kind: str
    label: str
    address: str = ""

    @property
    def html(self) -> str:
        """Written here: a page has hundreds, and a template took most of its time for them."""
        if self.address:
            return f'<a class="cell {self.kind}" href="{self.address}" title="{self.label}"></a>'
        return f'<span class="cell {self.kind}" title="{escape(self.label)}"></span>'


@dataclass(frozen=True, slots=True)
class Strip:
    """One task with a cell for each trial."""

    task_id: int
    name: str
    title: str
    cells: list[Cell]

    @property
    def squares(self) -> SafeString:
        return mark_safe("".join(cell.html for cell in self.cells))  # escaped above


@dataclass(frozen=True, slots=True)
class Matrix:
    """A window of the tasks of an experiment."""

    strips: list[Strip]
    trials: int
    first: int
    total: int
    order: str
    address: str

    @property
    def last(self) -> int:
        return self.first + len(self.strips)

    @property
    def back(self) -> int:
        """Where the window before begins."""
        return max(self.first - TASKS_SHOWN, 0)

    @property
    def strip_rem(self) -> float:
        """Width of one strip in rem: room for a name and the cells."""
        return round(9 + self.trials * 17 / 16, 2)


Played = tuple[int, bool, float]


def task_matrix(experiment: Experiment, *, order: str = "position", first: int = 0) -> Matrix:
    """The strips from number `first` on, in order of the task set or of the solving trial."""
    order = order if order in ORDERS else ORDERS[0]
    rows = list(_ordered(experiment, order)[first : first + TASKS_SHOWN])
    episodes = _episodes(experiment, [row.task_id for row in rows])
    trials = max(
        [experiment.trials, *(trial for by_trial in episodes.values() for trial in by_trial)]
    )
    strips = [_strip(row, episodes[row.task_id], trials) for row in rows]
    address = reverse("experiments:detail", args=[experiment.pk])
    return Matrix(strips, trials, first, experiment.tasks_total, order, address)


def _ordered(experiment: Experiment, order: str) -> "QuerySet[ExperimentTask]":
    rows = experiment.experiment_tasks.select_related("task").only(*COLUMNS)
    if order == "solved":
        return rows.order_by(F("solved_at_trial").asc(nulls_last=True), "trials_done", "position")
    return rows.order_by("position")


def _episodes(experiment: Experiment, task_ids: list[int]) -> dict[int, dict[int, Played]]:
    found: dict[int, dict[int, Played]] = defaultdict(dict)
    rows = experiment.episodes.filter(task__in=task_ids).values_list(
        "task_id", "trial", "pk", "success", "episode_return"
    )
    for task_id, trial, pk, success, episode_return in rows:
        found[task_id][trial] = (pk, success, episode_return)
    return found


def _strip(row: ExperimentTask, episodes: dict[int, Played], trials: int) -> Strip:
    key = row.task.key
    return Strip(
        task_id=row.task_id,
        name=row.task.goal[:NAME_SHOWN] or key,
        title=": ".join(filter(None, [key, row.task.goal[:GOAL_SHOWN]])),
        cells=[_cell(row, trial, episodes.get(trial)) for trial in range(1, trials + 1)],
    )


def _cell(row: ExperimentTask, trial: int, played: Played | None) -> Cell:
    if played is None:
        return _unplayed(row, trial)
    pk, success, episode_return = played
    return played_cell(pk, trial, success=success, episode_return=episode_return)


def played_cell(pk: int, trial: int, *, success: bool, episode_return: float) -> Cell:
    """The square of a recorded episode."""
    outcome = "solved" if success else "not solved"
    return Cell(
        kind="solved" if success else f"r{shade(episode_return)}",
        label=f"Trial {trial}: {outcome}, return {episode_return:.2f}",
        address=f"{_episodes_page()}{pk}/",
    )


@cache
def _episodes_page() -> str:
    return reverse("episodes:detail", args=[0]).removesuffix("0/")


def _unplayed(row: ExperimentTask, trial: int) -> Cell:
    if row.live_trial == trial and row.state == ExperimentTask.State.OPEN:
        return Cell("playing", f"Trial {trial}: being played, step {row.live_step}")
    if row.state == ExperimentTask.State.FAILED and trial == row.trials_done + 1:
        return Cell("failed", f"Trial {trial}: could not be played. {row.error[:200]}")
    if row.state == ExperimentTask.State.OPEN:
        return Cell("waiting", f"Trial {trial}: not yet played")
    return Cell("skipped", f"Trial {trial}: not needed")


def shade(episode_return: float) -> int:
    """Which of five shades a return of 0..1 gets."""
    return min(int(max(episode_return, 0.0) * SHADES), SHADES - 1)
