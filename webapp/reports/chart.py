"""A curve as a drawing of lines: sharp in print, and without a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp import present
from webapp.experiments import palette

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640.0, 260.0, 46.0, 14.0, 14.0, 34.0
TICKS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One experiment's curve with its band."""

    name: str
    address_id: int
    colour: int
    stroke: str
    path: str
    band: str
    dots: list[tuple[float, float, str]]
    last: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The lines with their axes, in the coordinates of the drawing."""

    lines: list[Line]
    y_ticks: list[tuple[float, str]]
    x_ticks: list[tuple[float, str]]
    y_title: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    floor: float = HEIGHT - BOTTOM


def chart(content: dict[str, Any]) -> Chart:
    """Lay a curve block's content out."""
    is_success = content["metric"] == "success"
    series = content["series"]
    points = [point for one in series for point in one["points"]]
    top = 1.0 if is_success else max([point[3] for point in points] + [0.01])
    bottom = 0.0 if is_success else min([point[2] for point in points] + [0.0])
    trials = max([point[0] for point in points] + [2])

    def place(trial: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (trial - 1) / (trials - 1)
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - bottom) / (top - bottom)
        return round(x, 1), round(y, 1)

    def words(value: float) -> str:
        return present.percent(value, 0) if is_success else present.decimal(value)

    levels = [bottom + (top - bottom) * step / TICKS for step in range(TICKS + 1)]
    every = max(1, trials // 10)
    return Chart(
        lines=[_line(one, number, place, words) for number, one in enumerate(series)],
        y_ticks=[(place(1, level)[1], words(level)) for level in levels],
        x_ticks=[(place(t, bottom)[0], str(t)) for t in range(1, trials + 1, every)],
        y_title="Success by trial" if is_success else "Mean return by trial",
    )


def _line(one: dict[str, Any], number: int, place: Any, words: Any) -> Line:  # two closures
    points: Sequence[list[float]] = one["points"]
    middle = [place(trial, mean) for trial, mean, *_ in points]
    upper = [place(trial, high) for trial, _, _, high, _ in points]
    lower = [place(trial, low) for trial, _, low, _, _ in points]
    return Line(
        name=one["name"],
        address_id=one["id"],
        colour=number % palette.SERIES + 1,
        stroke=palette.stroke(number + 1),
        path=_path(middle),
        band=f"{_path(upper)}L{_path(lower[::-1])[1:]}Z" if points else "",
        dots=[
            (*spot, f"{words(p[1])} after trial {p[0]}, n = {p[4]}")
            for spot, p in zip(middle, points, strict=True)
        ],
        last=words(points[-1][1]) if points else present.DASH,
    )


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in spots) if spots else ""
