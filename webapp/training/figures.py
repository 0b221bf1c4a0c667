"""Plotly figures of training runs as plain JSON. Colours name stylesheet tokens."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Max

from webapp.training.drawn import drawn_curves
from webapp.training.models import DrawnCurve, MetricPoint, TrainingRun

Figure = dict[str, Any]  # Plotly's own schema
Point = tuple[str, str, int, float]  # name, split, step, value
MOST_POINTS = DrawnCurve.FINE
COLOURS = 8
FIRST = ("loss", "reward", "validation_loss", "kl", "entropy", "clip_fraction", "value_loss")
LAST = ("learning_rate", "grad_norm", "epoch", "num_tokens")
SERIES = {"train": 1, "validation": 2}
MEANINGS = {
    "loss": "What the optimizer lowers; to be compared within one stage alone.",
    "reward": "Mean worth of the fresh reflections.",
    "kl": "How far the policy has moved from its frozen start, in nats.",
    "entropy": "How open the choice of the next token is, in nats a token.",
    "clip_fraction": "Share of tokens whose update was held back.",
    "explained_variance": "How well the value head foresees returns: 1 is perfectly.",
    "mean_token_accuracy": "Share of tokens that the policy held for the likeliest.",
    "length": "Mean length of the texts written, in tokens.",
    "finished_share": "Share of texts that came to an end within their limit.",
    "repeat_share": "Share of texts that repeat another of the same batch.",
    "loop_share": "Share of texts in which some four words come three times or more.",
    "equal_reward_share": "Share of groups whose texts were all worth the same: nothing to learn.",
    "reward_deviation": "Spread of the rewards, as a standard deviation.",
    "grad_norm": "Length of the gradient before it is clipped.",
    "num_tokens": "Tokens read so far.",
}


def points_of(run: TrainingRun, after: int = 0) -> tuple[list[Point], int]:
    """The points that came after a row id, in order, and the newest row id."""
    rows = MetricPoint.objects.filter(run=run, pk__gt=after).order_by("step", "pk")
    found = list(rows.values_list("pk", "name", "split", "step", "value"))
    newest = max((row[0] for row in found), default=after)
    return [(name, split, step, value) for _, name, split, step, value in found], newest


def run_figures(run: TrainingRun) -> tuple[dict[str, Figure], int]:
    """One figure a metric, train and validation in it, and the newest row id that is drawn."""
    points = shown_points([run])[run.pk]
    names = ordered({name for name, *_ in points})
    newest = MetricPoint.objects.filter(run=run).aggregate(newest=Max("pk"))["newest"] or 0
    return {name: figure(name, _traces(name, points)) for name in names}, newest


def meanings_of(names: Iterable[str]) -> list[tuple[str, str]]:
    """The names that say too little, explained."""
    return [(name, MEANINGS[name]) for name in names if name in MEANINGS]


def shown_points(runs: Sequence[TrainingRun]) -> dict[int, list[Point]]:
    """The points to draw of each run, bounded however long it was."""
    found: dict[int, list[Point]] = {run.pk: [] for run in runs}
    for (run_id, split, name), steps in drawn_curves(list(found), MOST_POINTS).items():
        found[run_id] += [(name, split, step, value) for step, value in steps.items()]
    return found


def compared_figures(runs: Sequence[TrainingRun]) -> dict[str, Figure]:
    """The curves of several runs over each other, a colour a run; validation is dotted."""
    points_by_run = shown_points(runs)
    by_run = [(run, points_by_run[run.pk]) for run in runs]
    names = ordered({name for _, points in by_run for name, *_ in points})
    return {
        name: figure(
            name,
            [
                trace | {"line": trace["line"] | {"color": f"var(--series-{number})"}}
                for number, (run, points) in enumerate(by_run, start=1)
                for trace in _traces(name, points, label=f"{run.name}, ", dotted=True)
            ],
        )
        for name in names
    }


def overlaid_figure(runs: Sequence[TrainingRun], split: str, name: str) -> Figure:
    """One curve of many runs over each other; colours repeat after eight."""
    curves = drawn_curves([run.pk for run in runs], DrawnCurve.COARSE, only=(split, name))
    traces = []
    for number, run in enumerate(runs):
        steps = curves.get((run.pk, split, name), {})
        trace = _trace(run.name, split, _thinned(list(steps.items())), dotted=False)
        colour = f"var(--series-{number % COLOURS + 1})"
        traces.append(trace | {"mode": "lines", "line": {"color": colour, "width": 1.25}})
    drawn = figure(name, traces)
    drawn["layout"] |= {"hovermode": "closest", "showlegend": 1 < len(runs) <= COLOURS}
    drawn["layout"]["legend"] = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return drawn


def ordered(names: Iterable[str]) -> list[str]:
    """What people look at first comes first."""

    def place(name: str) -> tuple[int, str]:
        if name in FIRST:
            return FIRST.index(name), name
        return (len(FIRST) + (name in LAST), name)

    return sorted(names, key=place)


def figure(name: str, traces: list[dict[str, Any]]) -> Figure:
    """One small chart."""
    axis = {
        "gridcolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "linecolor": "var(--line-strong)",
    }
    layout = {
        "margin": {"l": 48, "r": 10, "t": 8, "b": 34},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink-3)", "size": 11},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "var(--surface)", "font": {"color": "var(--ink)", "size": 12}},
        "xaxis": axis
        | {"title": {"text": "step", "standoff": 6, "font": {"size": 11}}, "showgrid": False},
        "yaxis": axis | {"tickformat": _tick_format(traces)},
    }
    return {"data": traces, "layout": layout}


def _traces(
    name: str, points: Iterable[Point], *, label: str = "", dotted: bool = False
) -> list[dict[str, Any]]:
    by_split: Mapping[str, list[tuple[int, float]]] = {split: [] for split in SERIES}
    for own, split, step, value in points:
        if own == name and split in by_split:
            by_split[split].append((step, value))
    return [
        _trace(f"{label}{split}", split, _thinned(rows), dotted=dotted)
        for split, rows in by_split.items()
        if rows or not label
    ]


def _trace(
    label: str, split: str, rows: list[tuple[int, float]], *, dotted: bool
) -> dict[str, Any]:
    return {
        "name": label,
        "x": [step for step, _ in rows],
        "y": [_short(value) for _, value in rows],
        "mode": "lines+markers" if len(rows) < 30 else "lines",
        "line": {
            "color": f"var(--series-{SERIES[split]})",
            "width": 1.75,
            "dash": "dot" if dotted and split == "validation" else "solid",
        },
        "marker": {"size": 8 if len(rows) == 1 else 4},  # one point has no line to be seen by
    }


def _short(value: float) -> float:
    """Five digits that count: a learning rate is as small as a loss is large."""
    return float(f"{value:.5g}")


def _tick_format(traces: Iterable[Mapping[str, Any]]) -> str:
    """Ticks that fit beside the axis: 80k, 2e-6, 0.25."""
    largest = max((abs(value) for trace in traces for value in trace["y"]), default=0.0)
    if largest >= 10_000:
        return "~s"
    return "~e" if 0 < largest < 0.001 else ".3~g"


def _thinned(rows: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Every n-th point where there are too many to draw, and always the last."""
    stride = -(-len(rows) // MOST_POINTS)
    return rows if stride <= 1 else [*rows[:-1:stride], rows[-1]]
