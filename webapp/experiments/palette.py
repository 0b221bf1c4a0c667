"""The colours, dashes and markers of drawn series: one order for every chart.

The colours themselves are stylesheet tokens. Dash and marker say the same again, so that no
reader needs to tell colours apart.
"""

SERIES = 8
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
STROKES = {  # the same for a drawing of lines: lengths drawn and left out
    "solid": "none",
    "dash": "7 4",
    "dot": "2 4",
    "dashdot": "7 4 2 4",
    "longdash": "13 4",
    "longdashdot": "13 4 2 4",
}
MARKERS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "triangle-down",
    "star",
    "hexagon",
    "cross",
)


def colour(number: int) -> str:
    """The token of series 1, 2, ...; after the last one it starts again."""
    return f"var(--series-{_place(number) + 1})"


def band(number: int) -> str:
    """The same colour for an area."""
    return f"var(--band-{_place(number) + 1})"


def dash(number: int) -> str:
    return DASHES[_place(number)]


def stroke(number: int) -> str:
    """The dash as SVG's `stroke-dasharray`."""
    return STROKES[dash(number)]


def marker(number: int) -> str:
    return MARKERS[_place(number)]


def _place(number: int) -> int:
    return (number - 1) % SERIES
