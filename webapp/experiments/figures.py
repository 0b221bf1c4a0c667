"""Plotly figures as plain JSON. Colours name stylesheet tokens; the browser fills them in."""

from collections.abc import Callable, Sequence
from typing import Any

from webapp.experiments.curves import CurveTrial, Estimate

Figure = dict[str, Any]  # Plotly's own schema


def success_figure(points: Sequence[CurveTrial]) -> Figure:
    """Success by trial in percent, with its 95 % interval over tasks."""
    hover = [
        f"<b>{100 * p.success.mean:.1f} %</b> after trial {p.trial}<br>"
        f"95 % interval {100 * p.success.low:.1f} to {100 * p.success.high:.1f} %<br>"
        f"{solved_so_far(p)} of n = {p.success.n} tasks solved"
        for p in points
    ]
    figure = _curve_figure(
        points,
        lambda p: p.success,
        hover,
        label=lambda e: f"{100 * e.mean:.0f} %",
        scale=100,
        series=1,
    )
    top = max((100 * p.success.high for p in points if p.success.n), default=100.0)
    end = 103 if top > 60 else max(top * 1.15, 10)
    figure["layout"]["yaxis"] |= {"range": [0, end], "ticksuffix": " %"}
    return figure


def solved_so_far(point: CurveTrial) -> int:
    """Tasks solved in any trial up to this one."""
    return round(point.success.mean * point.success.n) if point.success.n else 0


def return_figure(points: Sequence[CurveTrial]) -> Figure:
    """Mean return over tasks, each with its newest episode so far."""
    hover = [
        f"<b>{p.episode_return.mean:.3f}</b> mean return after trial {p.trial}<br>"
        f"95 % interval {p.episode_return.low:.3f} to {p.episode_return.high:.3f}<br>"
        f"n = {p.episode_return.n} tasks, {p.attempts} episodes in this trial"
        for p in points
    ]
    figure = _curve_figure(
        points,
        lambda p: p.episode_return,
        hover,
        label=lambda e: f"{e.mean:.2f}",
        scale=1,
        series=2,
    )
    figure["layout"]["yaxis"] |= {"rangemode": "tozero", "tickformat": ".2~f"}
    return figure


def _curve_figure(
    points: Sequence[CurveTrial],
    pick: Callable[[CurveTrial], Estimate],
    hover: list[str],
    *,
    label: Callable[[Estimate], str],
    scale: float,
    series: int,
) -> Figure:
    known = [(p, pick(p), text) for p, text in zip(points, hover, strict=True) if pick(p).n]
    trials = [p.trial for p, _, _ in known]
    band = {"x": trials, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    colour = f"var(--series-{series})"
    data = [
        band | {"y": [round(scale * e.low, 4) for _, e, _ in known]},
        band
        | {
            "y": [round(scale * e.high, 4) for _, e, _ in known],
            "fill": "tonexty",
            "fillcolor": f"var(--band-{series})",
        },
        {
            "x": trials,
            "y": [round(scale * e.mean, 4) for _, e, _ in known],
            "mode": "lines+markers+text",
            "text": ["" for _ in known[1:]] + [label(pick(known[-1][0])) for _ in known[-1:]],
            "textposition": "top center",
            "textfont": {"color": "var(--ink)", "size": 12},
            "cliponaxis": False,
            "line": {"color": colour, "width": 2},
            "marker": {"color": colour, "size": 7 if len(known) < 20 else 4},
            "hovertext": [text for _, _, text in known],
            "hovertemplate": "%{hovertext}<extra></extra>",
        },
    ]
    return {"data": data, "layout": _layout(len(points))}


def _layout(trials: int) -> Figure:
    axis = {
        "gridcolor": "var(--line)",
        "zeroline": False,
        "fixedrange": True,
        "linecolor": "var(--line-strong)",
    }
    return {
        "margin": {"l": 44, "r": 10, "t": 18, "b": 34},
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
