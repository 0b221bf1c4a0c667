"""Plotly figures as plain JSON. Colours name stylesheet tokens; the browser fills them in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import json_script
from django.utils.safestring import SafeString

from retro_core.metrics import Spread
from webapp.experiments import palette
from webapp.experiments.curves import CurveTrial, Estimate

Figure = dict[str, Any]  # Plotly's own schema
HIDDEN_PARTS = ("deviation", "range")
TICKS_WITH_N = 10
NEAR = 0.08  # of the highest end: labels nearer to each other could not be read
NAMED, HOVER = "<b>%{fullData.name}</b><br>", "%{hovertext}<extra></extra>"
LABEL: Figure = {
    "textposition": "top center",
    "textfont": {"color": "var(--ink)", "size": 12},
}


@dataclass(frozen=True, slots=True)
class Series:
    """One drawn curve. `kind` is what a toggle on the page shows or hides together.

    `addresses` are the pages behind the points; the spreads belong to the same trials.
    """

    label: str
    points: Sequence[CurveTrial]
    number: int = 1
    kind: str = "own"
    addresses: Sequence[str] = ()
    success_spreads: Sequence[Spread] = ()
    return_spreads: Sequence[Spread] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Published success by trial in percent, drawn as a marked line; `source` says whose."""

    label: str
    source: str
    trials: Sequence[int]
    percent: Sequence[float]
    number: int = 6


def success_figure(series: Sequence[Series], references: Sequence[Reference] = ()) -> Figure:
    """Success by trial in percent, with its 95 % interval over tasks."""
    traces = [trace for one in series for trace in _success_traces(one, len(series))]
    traces += [_reference_trace(reference) for reference in references]
    figure = _figure(traces, series)
    known = [100 * p.success.high for one in series for p in one.points if p.success.n]
    top = max([*known, *(max(reference.percent) for reference in references)], default=100.0)
    end = 103 if top > 60 else max(top * 1.15, 10)
    figure["layout"]["yaxis"] |= {"range": [0, end], "ticksuffix": " %"}
    return figure


def return_figure(series: Sequence[Series]) -> Figure:
    """Mean return over tasks, each with its newest episode so far."""
    figure = _figure(
        [trace for one in series for trace in _return_traces(one, len(series))], series
    )
    figure["layout"]["yaxis"] |= {"rangemode": "tozero", "tickformat": ".2~f"}
    return figure


class _Compact(DjangoJSONEncoder):
    """No blanks between values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"separators": (",", ":")})


def figures_script(figures: Mapping[str, Figure]) -> SafeString:
    """The figures as the page carries them for its script."""
    return json_script(figures, "figures", encoder=_Compact)


def solved_so_far(point: CurveTrial) -> int:
    """Tasks solved in any trial up to this one."""
    return round(point.success.mean * point.success.n) if point.success.n else 0


def is_beside(one: Series) -> bool:
    """Drawn for comparison, as a line alone."""
    return one.kind in ("run", "control")


def _success_traces(one: Series, together: int) -> list[Figure]:
    def hover(p: CurveTrial) -> str:
        if is_beside(one):
            return f"{100 * p.success.mean:.1f} % after trial {p.trial}, n = {p.success.n}"
        return (
            f"{100 * p.success.mean:.1f} % after trial {p.trial}<br>"
            f"95 % interval {100 * p.success.low:.1f} to {100 * p.success.high:.1f} %<br>"
            f"{solved_so_far(p)} of n = {p.success.n} tasks solved"
        )

    def label(estimate: Estimate) -> str:
        return f"{100 * estimate.mean:.0f} %"

    return _traces(
        one, lambda p: p.success, hover, label, one.success_spreads, scale=100, together=together
    )


def _return_traces(one: Series, together: int) -> list[Figure]:
    def hover(p: CurveTrial) -> str:
        if is_beside(one):
            n = p.episode_return.n
            return f"{p.episode_return.mean:.3f} mean return after trial {p.trial}, n = {n}"
        return (
            f"{p.episode_return.mean:.3f} mean return after trial {p.trial}<br>"
            f"95 % interval {p.episode_return.low:.3f} to {p.episode_return.high:.3f}<br>"
            f"n = {p.episode_return.n} tasks, {p.attempts} episodes in this trial"
        )

    def label(estimate: Estimate) -> str:
        return f"{estimate.mean:.2f}"

    return _traces(
        one,
        lambda p: p.episode_return,
        hover,
        label,
        one.return_spreads,
        scale=1,
        together=together,
    )


def _traces(
    one: Series,
    pick: Callable[[CurveTrial], Estimate],
    hover: Callable[[CurveTrial], str],
    label: Callable[[Estimate], str],
    spreads: Sequence[Spread],
    *,
    scale: float,
    together: int,
) -> list[Figure]:
    """Interval, spreads and line of one series, each marked with the toggle that rules it."""
    known = [p for p in one.points if pick(p).n]
    trials, means = [p.trial for p in known], [pick(p).mean for p in known]
    traces = []
    if one.kind in ("own", "compared"):
        low, high = [pick(p).low for p in known], [pick(p).high for p in known]
        traces += _area(one, "interval", trials, low, high, scale)
    if one.kind == "own" and spreads:
        deviations = [spread.deviation for spread in spreads]
        below = [mean - away for mean, away in zip(means, deviations, strict=True)]
        above = [mean + away for mean, away in zip(means, deviations, strict=True)]
        least, most = [spread.least for spread in spreads], [spread.most for spread in spreads]
        traces += _area(one, "deviation", trials, below, above, scale)
        traces += _area(one, "range", trials, least, most, scale)
    text = ["" for _ in known[1:]] + [label(pick(known[-1]))] if known else []
    name = NAMED if together > 1 else ""
    line = _line(one, trials, [round(scale * mean, 4) for mean in means])
    line |= {
        "hovertemplate": f"{name}{HOVER}",
        "hovertext": [hover(p) for p in known],
        "customdata": list(one.addresses),
    }
    if not is_beside(one):
        line |= {"mode": "lines+markers+text", "text": text} | LABEL
    return [*traces, line]


def _line(one: Series, trials: list[int], values: list[float]) -> Figure:
    colour, thin = palette.colour(one.number), one.kind == "run"
    return {
        "name": one.label,
        "meta": {"part": "line", "kind": one.kind},
        "x": trials,
        "y": values,
        "mode": "lines+markers",
        "cliponaxis": False,
        "line": {"color": colour, "width": 1 if thin else 2, "dash": palette.dash(one.number)},
        "marker": {
            "color": colour,
            "size": 4 if thin or len(trials) >= 20 else 8,
            "symbol": palette.marker(one.number),
        },
        "opacity": 0.6 if thin else 1,
    }


def _area(
    one: Series,
    part: str,
    trials: list[int],
    low: Sequence[float],
    high: Sequence[float],
    scale: float,
) -> list[Figure]:
    edge = {
        "name": f"{one.label}, {part}",
        "meta": {"part": part, "kind": one.kind},
        "x": trials,
        "mode": "lines",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "visible": part not in HIDDEN_PARTS,
    }
    fill = {"fill": "tonexty", "fillcolor": palette.band(one.number)}
    return [
        edge | {"y": [round(scale * value, 4) for value in low]},
        edge | {"y": [round(scale * value, 4) for value in high]} | fill,
    ]


def _reference_trace(reference: Reference) -> Figure:
    alone = len(reference.trials) == 1
    return {
        "name": reference.label,
        "meta": {"part": "line", "kind": "reference"},
        "x": list(reference.trials),
        "y": list(reference.percent),
        "mode": "markers" if alone else "lines+markers",
        "line": {"color": "var(--ink-3)", "width": 1.5, "dash": palette.dash(reference.number)},
        "marker": {
            "color": "var(--ink-3)",
            "size": 7,
            "symbol": f"{palette.marker(reference.number)}-open",
        },
        "hovertext": [
            f"{value:g} % after trial {trial}<br>{reference.source}"
            for trial, value in zip(reference.trials, reference.percent, strict=True)
        ],
        "hovertemplate": f"{NAMED}{HOVER}",
        "visible": False,
    }


def _figure(traces: list[Figure], series: Sequence[Series]) -> Figure:
    trials = max((point.trial for one in series for point in one.points), default=0)
    _part_labels(traces)
    figure: Figure = {"data": traces, "layout": _layout(trials)}
    own = [one for one in series if one.kind == "own"]
    if own and trials <= TICKS_WITH_N:
        figure["layout"]["xaxis"] |= _ticks_with_n(own[0].points)
    return figure


def _part_labels(traces: Sequence[Figure]) -> None:
    """Put the lower of two labels that would meet under its point."""
    ends = sorted((one for one in traces if one.get("text")), key=lambda one: -one["y"][-1])
    for upper, lower in pairwise(ends):
        if upper["y"][-1] - lower["y"][-1] < NEAR * ends[0]["y"][-1]:
            lower["textposition"] = "bottom center"


def _ticks_with_n(points: Sequence[CurveTrial]) -> Figure:
    """Each trial with the number of episodes that were played in it."""
    return {
        "tickvals": [point.trial for point in points],
        "ticktext": [f"{point.trial}<br>n {point.attempts}" for point in points],
    }


def _layout(trials: int) -> Figure:
    axis = {
        "gridcolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "linecolor": "var(--line-strong)",
    }
    return {
        "margin": {"l": 44, "r": 14, "t": 18, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink-3)", "size": 11},
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": 40,
        "hoverlabel": {
            "bgcolor": "var(--surface)",
            "bordercolor": "var(--line-strong)",
            "font": {"color": "var(--ink)", "size": 12},
            "align": "left",
        },
        "xaxis": axis
        | {
            "title": {"text": "Trial", "standoff": 6},
            "dtick": 1 if trials <= 20 else None,
            "showgrid": False,
            "showline": True,
            "range": [0.75, max(trials, 2) + 0.25],
        },
        "yaxis": dict(axis),
    }
