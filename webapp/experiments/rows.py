"""Experiments as the list shows them: every value already words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from webapp import present
from webapp.experiments.compared import interval_words, minutes, p_words, signed_points
from webapp.experiments.deltas import Delta
from webapp.experiments.models import CurvePoint, Experiment

SPARK_WIDTH, SPARK_HEIGHT = 68.0, 22.0
CERTAIN = 0.05  # below it a difference is coloured
ROWS_KEPT = 2_000  # of about 2 KiB each


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Success by trial as the coordinates of a small drawing, and in words."""

    line: str
    area: str
    words: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is, in tasks, with the shares of a bar in percent."""

    words: str
    solved: float
    unsolved: float
    failed: float


@dataclass(frozen=True, slots=True)
class Versus:
    """Success minus the baseline's, in percentage points, with interval and p value."""

    value: str
    interval: str
    p_value: str
    tasks: str
    kind: str


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One line of the experiments list."""

    pk: int
    address: str
    name: str
    environment: str
    task_set: str
    method: str
    actor: str
    adapter: str
    status: str
    status_message: str
    owner: str
    tags: tuple[str, ...]
    created: present.Moment | None
    first_success: str
    last_success: str
    sparkline: Sparkline | None
    trials: int
    progress: Progress
    episodes: str
    tokens: str
    took: str
    delta: str
    delta_class: str
    positive: str
    corrected: str
    alpha: str
    versus: Versus | None
    is_pinned: bool
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Beside:
    """What the rows of one page need beyond their own tables, by experiment."""

    deltas: Mapping[int, Delta] = field(default_factory=dict)
    alphas: Mapping[int, float | None] = field(default_factory=dict)
    pinned: frozenset[int] = frozenset()
    baseline: int | None = None


def experiment_rows(experiments: Iterable[Experiment], beside: Beside) -> list[ExperimentRow]:
    """Rows for experiments whose owner, task set, rollup and curve points were fetched too."""
    return [_row(experiment, beside) for experiment in experiments]


@lru_cache(maxsize=ROWS_KEPT)
def row_html(row: ExperimentRow, shown: frozenset[str]) -> SafeString:
    """The row as its template writes it; equal rows are written once."""
    return render_to_string("experiments/_row.html", {"row": row, "shown": shown})


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
    return Sparkline(line, area, words)


def _row(experiment: Experiment, beside: Beside) -> ExperimentRow:
    shares = success_shares(list(experiment.curve_points.all()))
    rollup = getattr(experiment, "rating_rollup", None)
    rated = rollup.rated if rollup else 0
    mean = rollup.rating_sum / rated if rollup and rated else None
    delta = beside.deltas.get(experiment.pk)
    return ExperimentRow(
        pk=experiment.pk,
        address=reverse("experiments:detail", args=[experiment.pk]),
        name=experiment.name,
        environment=experiment.environment,
        task_set=experiment.task_set.name,
        method=experiment.method,
        actor=experiment.actor_model,
        adapter=experiment.adapter,
        status=experiment.status,
        status_message=experiment.status_message,
        owner=experiment.owner.get_username() if experiment.owner else present.DASH,
        tags=tuple(experiment.tags),
        created=present.moment(experiment.created_at),
        first_success=present.percent(shares[0]) if shares else present.DASH,
        last_success=present.percent(shares[-1]) if shares else "",
        sparkline=sparkline(shares),
        trials=len(shares),
        progress=progress(experiment),
        episodes=present.count(experiment.episodes_count),
        tokens=present.short_count(experiment.prompt_tokens + experiment.completion_tokens),
        took=minutes(experiment),
        delta=present.signed(mean),
        delta_class=present.rating_class(mean),
        positive=present.percent(rollup.positive / rated if rollup and rated else None),
        corrected=present.percent(rollup.corrected / rated if rollup and rated else None),
        alpha=present.decimal(beside.alphas.get(experiment.pk)),
        versus=_versus(delta) if delta else None,
        is_pinned=experiment.pk in beside.pinned,
        is_baseline=experiment.pk == beside.baseline,
    )


def _versus(delta: Delta) -> Versus:
    value = delta.success.value
    return Versus(
        value=signed_points(value),
        interval=interval_words(delta.success, percent=True),
        p_value=p_words(delta.p_value),
        tasks=present.count(delta.tasks),
        kind=("up" if value > 0 else "down") if delta.p_value < CERTAIN else "even",
    )
