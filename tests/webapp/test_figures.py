"""The figures of the learning curve, and the shades of the matrix."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retro_core.metrics import Spread
from webapp.experiments import palette
from webapp.experiments.curves import CurveTrial, Estimate
from webapp.experiments.figures import Series, return_figure, success_figure
from webapp.experiments.matrix import shade

Floats = NDArray[np.float64]
POINTS = [
    CurveTrial(1, 4, Estimate(0.25, 0.0, 0.5, 4), Estimate(0.4, 0.1, 0.7, 4)),
    CurveTrial(2, 3, Estimate(0.5, 0.25, 0.75, 4), Estimate(0.6, 0.3, 0.9, 4)),
]


def test_success_is_drawn_in_percent_with_its_interval() -> None:
    low, high, mean = success_figure([Series("doors", POINTS)])["data"]

    assert (low["y"], high["y"], mean["y"]) == ([0.0, 25.0], [50.0, 75.0], [25.0, 50.0])
    assert mean["x"] == [1, 2]


def test_hovering_tells_the_interval_and_n() -> None:
    mean = success_figure([Series("doors", POINTS)])["data"][2]

    assert "95 % interval 25.0 to 75.0 %" in mean["hovertext"][1]
    assert "2 of n = 4 tasks solved" in mean["hovertext"][1]


def test_only_the_last_point_is_labelled() -> None:
    assert return_figure([Series("doors", POINTS)])["data"][2]["text"] == ["", "0.60"]


def test_the_lower_of_two_labels_that_would_meet_stands_under_its_point() -> None:
    lower = [CurveTrial(2, 3, Estimate(0.5, 0.25, 0.75, 4), Estimate(0.57, 0.3, 0.9, 4))]

    figure = return_figure([Series("doors", lower), Series("rooms", POINTS)])

    places = [trace["textposition"] for trace in figure["data"] if "text" in trace]
    assert places == ["bottom center", "top center"]


def test_figures_without_points_are_empty_figures() -> None:
    assert success_figure([Series("doors", [])])["data"][2]["y"] == []


def test_plotly_itself_accepts_the_figures() -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")

    for figure in (
        success_figure([Series("doors", POINTS)]),
        return_figure([Series("doors", POINTS)]),
    ):
        plain = str(figure["data"]).replace("var(--series-1)", "#000").replace("var(", "#")
        assert "var(" not in plain
        graph_objects.Figure(data=[_without_tokens(trace) for trace in figure["data"]])


def _without_tokens(trace: dict[str, object]) -> dict[str, object]:
    """Colours are stylesheet tokens, which only the browser knows."""
    kept: dict[str, object] = {}
    for name, value in trace.items():
        if isinstance(value, dict):
            kept[name] = _without_tokens(value)
        elif not (isinstance(value, str) and value.startswith("var(")):
            kept[name] = value
    return kept


@pytest.mark.parametrize(
    ("episode_return", "expected"), [(-1.0, 0), (0.0, 0), (0.25, 1), (0.5, 2), (0.99, 4), (7.0, 4)]
)
def test_a_return_has_one_of_five_shades(episode_return: float, expected: int) -> None:
    assert shade(episode_return) == expected


def test_the_colours_stay_apart_for_colour_blind_readers_and_stand_out_of_the_page() -> None:
    stylesheet = (Path(__file__).resolve().parents[2] / "static/app.css").read_text()
    pairs = re.findall(r"--series-\d: light-dark\((#\w{6}), (#\w{6})\)", stylesheet)

    assert len(pairs) == palette.SERIES
    for theme, page in zip(zip(*pairs, strict=True), ("#ffffff", "#16191c"), strict=True):
        assert min(contrast(colour, page) for colour in theme) >= 3  # WCAG 1.4.11
        for kind in VISION.values():
            seen = [oklab(np.clip(kind @ linear(colour), 0, 1)) for colour in theme]
            apart = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
            assert apart > 0.09  # about four times what the eye just tells apart


# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
VISION = {
    "usual": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Ottosson 2020: linear sRGB to cone responses, and their cube roots to Oklab.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour: str) -> Floats:
    """Linear RGB of a colour like #2a5bc4."""
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Floats) -> Floats:
    """Lightness and two colour axes on which equal steps look equal."""
    lab: Floats = TO_LAB @ np.cbrt(TO_CONES @ rgb)
    return lab


def contrast(one: str, other: str) -> float:
    """WCAG contrast of two colours."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(linear(colour) @ weights) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_the_toggles_parts_are_named_on_the_traces() -> None:
    spread = [Spread(0.1, 0.0, 1.0), Spread(0.2, 0.0, 1.0)]
    series = Series("doors", POINTS, success_spreads=spread)

    traces = success_figure([series])["data"]

    parts = [trace["meta"]["part"] for trace in traces]
    assert parts == ["interval"] * 2 + ["deviation"] * 2 + ["range"] * 2 + ["line"]
    assert [trace["y"] for trace in traces[2:4]] == [[15.0, 30.0], [35.0, 70.0]]
    assert [trace.get("visible") for trace in traces[2:6]] == [False] * 4


def test_a_point_knows_the_page_behind_it() -> None:
    series = Series("doors", POINTS, addresses=["/one/", "/two/"])

    assert success_figure([series])["data"][2]["customdata"] == ["/one/", "/two/"]


def test_the_ticks_tell_how_many_episodes_each_trial_has() -> None:
    axis = success_figure([Series("doors", POINTS)])["layout"]["xaxis"]

    assert axis["ticktext"] == ["1<br>n 4", "2<br>n 3"]
