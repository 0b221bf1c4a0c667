"""The figures of the learning curve, and the shades of the matrix."""

import pytest

from webapp.experiments.curves import CurveTrial, Estimate
from webapp.experiments.figures import return_figure, success_figure
from webapp.experiments.matrix import shade

POINTS = [
    CurveTrial(1, 4, Estimate(0.25, 0.0, 0.5, 4), Estimate(0.4, 0.1, 0.7, 4)),
    CurveTrial(2, 3, Estimate(0.5, 0.25, 0.75, 4), Estimate(0.6, 0.3, 0.9, 4)),
]


def test_success_is_drawn_in_percent_with_its_interval() -> None:
    low, high, mean = success_figure(POINTS)["data"]

    assert (low["y"], high["y"], mean["y"]) == ([0.0, 25.0], [50.0, 75.0], [25.0, 50.0])
    assert mean["x"] == [1, 2]


def test_hovering_tells_the_interval_and_n() -> None:
    mean = success_figure(POINTS)["data"][2]

    assert "95 % interval 25.0 to 75.0 %" in mean["hovertext"][1]
    assert "2 of n = 4 tasks solved" in mean["hovertext"][1]


def test_only_the_last_point_is_labelled() -> None:
    assert return_figure(POINTS)["data"][2]["text"] == ["", "0.60"]


def test_figures_without_points_are_empty_figures() -> None:
    assert success_figure([])["data"][2]["y"] == []


def test_plotly_itself_accepts_the_figures() -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")

    for figure in (success_figure(POINTS), return_figure(POINTS)):
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
