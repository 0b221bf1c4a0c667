"""What is drawn on an experiment's page: its curve, and beside it runs, controls, references."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from django.db.models import Q

from retro_core.metrics import Spread, column_spreads
from webapp.experiments.compared import point_addresses
from webapp.experiments.curves import CurveTrial, areas
from webapp.experiments.figures import Reference, Series
from webapp.experiments.measured import Measured, measured
from webapp.experiments.models import Experiment

MOST_RUNS, MOST_CONTROLS = 8, 5
SIBLING_COLUMNS = (
    *("name", "method", "adapter", "reflector_model", "seed", "config"),
    *("episodes_count", "created_at"),
)
FIRST_CONTROL, FIRST_REFERENCE = 2, 6
REFERENCES = Path(__file__).with_name("references.json")
KINDS = ("run", "control", "reference")


@dataclass(frozen=True, slots=True)
class Drawing:
    """The curves of one page; `spread_over` says what deviation and range are over."""

    own: Series
    runs: list[Series]
    controls: list[Series]
    references: list[Reference]
    spread_over: str
    trials: int

    @property
    def series(self) -> list[Series]:
        """From the back to the front."""
        return [*self.runs, *self.controls, self.own]

    @property
    def points(self) -> Sequence[CurveTrial]:
        return self.own.points

    @property
    def areas(self) -> tuple[float, float] | None:
        return areas(self.own.points, self.trials)


def drawing_of(experiment: Experiment) -> Drawing:
    """Everything that the page can draw, in two queries at most."""
    others = list(_siblings(experiment))
    runs = [one for one in others if _is_run(experiment, one)][:MOST_RUNS]
    controls = _newest_by_method(one for one in others if _is_control(experiment, one))
    known = measured([experiment, *runs, *controls])
    own = known[experiment.pk]
    of_runs = [one for one in (own, *(known[run.pk] for run in runs)) if one.points]
    success, returns = _spreads(of_runs)
    count = len(own.points)
    return Drawing(
        own=Series(
            experiment.name,
            own.points,
            addresses=point_addresses(experiment.pk, count),
            success_spreads=success[:count],
            return_spreads=returns[:count],
        ),
        runs=[_series(run, known, 1, "run") for run in runs],
        controls=[
            _series(control, known, number, "control")
            for number, control in enumerate(controls, start=FIRST_CONTROL)
        ],
        references=references_of(experiment.environment, count),
        spread_over=f"{len(of_runs)} runs" if len(of_runs) > 1 else "tasks",
        trials=count if experiment.is_live else max(count, experiment.trials),
    )


def references_of(environment: str, trials: int) -> list[Reference]:
    """Published values of the environment, for the trials that the experiment has."""
    found = [one for one in _published() if one["environment"] == environment and trials]
    return [
        Reference(
            one["label"],
            one["source"],
            one["trials"][:trials],
            one["percent"][:trials],
            number,
        )
        for number, one in enumerate(found, start=FIRST_REFERENCE)
    ]


@cache
def _published() -> list[dict[str, Any]]:
    """The data file as it is; each entry names its source."""
    published: list[dict[str, Any]] = json.loads(REFERENCES.read_text())
    return published


def _siblings(experiment: Experiment) -> Iterable[Experiment]:
    """Experiments with the same tasks and actor that have been played, another seed or method."""
    same_method = Q(
        method=experiment.method,
        adapter=experiment.adapter,
        reflector_model=experiment.reflector_model,
    )
    run = same_method & ~Q(seed=experiment.seed)
    control = ~Q(method=experiment.method) & Q(seed=experiment.seed)
    others = Experiment.objects.unarchived().filter(
        run | control,
        task_set=experiment.task_set_id,
        actor_model=experiment.actor_model,
        episodes_count__gt=0,
    )
    others = others.exclude(pk=experiment.pk).only(*SIBLING_COLUMNS)
    return others.order_by("-pk")[: 10 * MOST_RUNS]


def _is_run(experiment: Experiment, other: Experiment) -> bool:
    """The same settings with another seed."""
    mine, its = experiment.config | {"seed": 0}, other.config | {"seed": 0}
    same = (mine, experiment.adapter, experiment.reflector_model)
    return (
        same == (its, other.adapter, other.reflector_model)
        and other.seed != experiment.seed
        and other.method == experiment.method
    )


def _is_control(experiment: Experiment, other: Experiment) -> bool:
    """The same seed with another method."""
    return other.seed == experiment.seed and other.method != experiment.method


def _newest_by_method(found: Iterable[Experiment]) -> list[Experiment]:
    by_method: dict[str, Experiment] = {}
    for one in found:
        by_method.setdefault(one.method, one)
    return list(by_method.values())[:MOST_CONTROLS]


def _series(one: Experiment, known: dict[int, Measured], number: int, kind: str) -> Series:
    points = known[one.pk].points
    label = f"seed {one.seed}" if kind == "run" else one.method
    return Series(
        f"{label}: {one.name}", points, number, kind, point_addresses(one.pk, len(points))
    )


def _spreads(of_runs: Sequence[Measured]) -> tuple[Sequence[Spread], Sequence[Spread]]:
    """Of the runs' means where there are several runs, else of the tasks."""
    if not of_runs:
        return [], []
    if len(of_runs) == 1:
        return of_runs[0].success_spreads, of_runs[0].return_spreads
    trials = max(len(one.points) for one in of_runs)
    success = [_means([p.success.mean for p in one.points], trials) for one in of_runs]
    returns = [_means([p.episode_return.mean for p in one.points], trials) for one in of_runs]
    return column_spreads(np.array(success)), column_spreads(np.array(returns))


def _means(known: list[float], trials: int) -> list[float]:
    """A run that ended earlier keeps its last mean, as its tasks keep theirs."""
    return known + known[-1:] * (trials - len(known))
