"""Adapters as their pages show them: every value already words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp import present
from webapp.adapters.models import Adapter, Evaluation
from webapp.episodes.models import Reflection
from webapp.experiments.curves import CurveTrial, curve
from webapp.experiments.models import Experiment

STAGE_BADGES = {"candidate": "", "staging": "accent", "production": "solved"}


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """One line of the registry."""

    adapter: Adapter
    badge: str
    size: str
    figure: str
    run_id: int | None
    run: str
    created: present.Moment | None


def adapter_rows(adapters: Iterable[Adapter]) -> list[AdapterRow]:
    """Rows for adapters whose runs were fetched with them."""
    return [adapter_row(adapter) for adapter in adapters]


def adapter_row(adapter: Adapter) -> AdapterRow:
    """One adapter."""
    run = getattr(adapter, "made_by", None)
    return AdapterRow(
        adapter=adapter,
        badge=STAGE_BADGES[adapter.stage],
        size=_bytes(adapter.size_bytes),
        figure=key_figure(adapter.figures),
        run_id=run.pk if run else None,
        run=run.name if run else "",
        created=present.moment(adapter.created_at),
    )


def _bytes(count: int) -> str:
    return f"{present.short_count(count)}{'' if count >= 1000 else ' '}B"


def key_figure(figures: Mapping[str, Any]) -> str:
    """The one number to tell versions apart; a reward model's beside the trial number's."""
    known = dict(flattened(figures))
    own, baseline = known.get("validation.auc.mean"), known.get("validation.trial_auc.mean")
    if own is not None:
        beside = f", trial number alone {baseline:.2f}" if baseline is not None else ""
        return f"AUC {own:.2f}{beside}"
    for name in ("reward", "validation_loss"):
        if isinstance(known.get(name), (int, float)):
            return f"{name.replace('_', ' ')} {known[name]:.3f}"
    return present.DASH


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`auc.mean` and its value, for every figure that is no list."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield f"{prefix}{name}", value


def figure_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The adapter's card."""
    return [_figure_row(name, value) for name, value in flattened(figures)]


def _figure_row(name: str, value: Any) -> tuple[str, str]:
    shown = _shown(value)
    if name.endswith("_gb") and isinstance(value, float):
        name, shown = name.removesuffix("_gb"), f"{value:.1f} GB"
    return name.replace("_", " ").replace(".", ", "), shown


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return present.DASH if value is None else str(value)


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """Both curves of an evaluation, trial by trial."""

    trained: Experiment
    frozen: Experiment
    trials: list[tuple[int, str, str]]


def evaluation_rows(adapter: Adapter) -> list[EvaluationRow]:
    """The evaluations of an adapter, newest first."""
    rows = adapter.evaluations.select_related("trained", "frozen")
    return [_evaluation_row(row) for row in rows]


def _evaluation_row(row: Evaluation) -> EvaluationRow:
    trained = {point.trial: point for point in curve(row.trained)}
    frozen = {point.trial: point for point in curve(row.frozen)}
    trials = [
        (trial, _success(trained.get(trial)), _success(frozen.get(trial)))
        for trial in sorted({*trained, *frozen})
    ]
    return EvaluationRow(row.trained, row.frozen, trials)


def _success(point: CurveTrial | None) -> str:
    if point is None or not point.success.n:
        return present.DASH
    found = point.success
    return f"{100 * found.mean:.1f} % ({100 * found.low:.0f} to {100 * found.high:.0f})"


def ancestors(adapter: Adapter) -> list[Adapter]:
    """The adapters that this one comes from, nearest first."""
    found: list[Adapter] = []
    parent = adapter.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found


def used_in(adapter: Adapter) -> list[dict[str, Any]]:
    """The experiments that reflected with it, with the reflections it wrote in each.

    Of a reward model those in which it ranks, with the reflections that it chose.
    """
    experiments = Experiment.objects.filter(deleted_at=None).order_by("-pk")
    if adapter.kind == Adapter.Kind.REWARD_MODEL:
        ranks = experiments.filter(config__reflection__reward_model=adapter.name)
        known = ranks.filter(config__reflection__best_of_n__gt=1)
        written = Reflection.objects.exclude(candidates=[])
    else:
        known = experiments.filter(adapter=adapter.name)
        written = Reflection.objects.filter(adapter=adapter.name)
    return [
        {
            "experiment": experiment,
            "reflections": present.count(written.filter(experiment=experiment).count()),
        }
        for experiment in known[:50]
    ]
