"""Experiments as the list shows them: every value already words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from webapp import present
from webapp.experiments.models import CurvePoint, Experiment

SPARK_WIDTH, SPARK_HEIGHT = 68.0, 22.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Success by trial as the coordinates of a small drawing, and in words."""

    line: str
    area: str
    end_x: float
    end_y: float
    words: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is, in tasks, with the shares of a bar in percent."""

    words: str
    solved: float
    unsolved: float
    failed: float


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One line of the experiments list."""

    pk: int
    name: str
    environment: str
    task_set: str
    method: str
    actor: str
    status: str
    status_message: str
    owner: str
    created: present.Moment | None
    first_success: str
    last_success: str
    sparkline: Sparkline | None
    trials: int
    progress: Progress
    episodes: str
    tokens: str


def experiment_rows(experiments: Iterable[Experiment]) -> list[ExperimentRow]:
    """Rows for experiments whose owner, task set and curve points were fetched with them."""
    return [_row(experiment) for experiment in experiments]


def progress(experiment: Experiment) -> Progress:
    """Tasks that ended, split by how."""
    total = experiment.tasks_total
    ended = experiment.tasks_ended + experiment.tasks_failed
    unsolved = experiment.tasks_ended - experiment.tasks_solved

    def share(tasks: int) -> float:
        return round(100 * tasks / total, 2) if total else 0.0

    return Progress(
        words=f"{present.count(ended)} of {present.count(total)}",
        solved=share(experiment.tasks_solved),
        unsolved=share(unsolved),
        failed=share(experiment.tasks_failed),
    )


def success_shares(points: Sequence[CurvePoint]) -> list[float]:
    """Success by trial as shares of the tasks played so far, from the rollup, as the curve's."""
    played = max((point.attempts for point in points), default=0)
    return [solved / played for solved in accumulate(point.solved for point in points) if played]


def sparkline(shares: Sequence[float]) -> Sparkline | None:
    """The drawing, from 0 to 100 %; None without a single trial."""
    if not shares:
        return None
    gap = SPARK_WIDTH / max(len(shares) - 1, 1)
    dots = [(round(i * gap, 1), round(SPARK_HEIGHT * (1 - s), 1)) for i, s in enumerate(shares)]
    if len(dots) == 1:
        dots = [(0.0, dots[0][1]), (SPARK_WIDTH, dots[0][1])]
    line = "M" + "L".join(f"{x} {y}" for x, y in dots)
    area = f"{line}L{dots[-1][0]} {SPARK_HEIGHT}L0 {SPARK_HEIGHT}Z"
    words = ", ".join(present.percent(share) for share in shares)
    return Sparkline(line, area, *dots[-1], words=words)


def _row(experiment: Experiment) -> ExperimentRow:
    shares = success_shares(list(experiment.curve_points.all()))
    return ExperimentRow(
        pk=experiment.pk,
        name=experiment.name,
        environment=experiment.environment,
        task_set=experiment.task_set.name,
        method=experiment.method,
        actor=experiment.actor_model,
        status=experiment.status,
        status_message=experiment.status_message,
        owner=experiment.owner.get_username() if experiment.owner else present.DASH,
        created=present.moment(experiment.created_at),
        first_success=present.percent(shares[0]) if shares else present.DASH,
        last_success=present.percent(shares[-1]) if shares else "",
        sparkline=sparkline(shares),
        trials=len(shares),
        progress=progress(experiment),
        episodes=present.count(experiment.episodes_count),
        tokens=present.short_count(experiment.prompt_tokens + experiment.completion_tokens),
    )
