"""Gives the things of a PDDL problem the short names that players see, such as "drawer 3"."""

from collections import Counter
from collections.abc import Iterable, Mapping

_SEPARATOR = "_bar_"
_MANGLED = (("_minus_", "-"), ("_plus_", "+"), ("_dot_", "."), ("_comma_", ","))


def display_names(ids: Iterable[str]) -> Mapping[str, str]:
    """Number the things of each kind: the alphabetically first id gets the highest number."""
    ordered = sorted(set(ids))
    left = Counter(_kind(name) for name in ordered if _SEPARATOR in name)
    names = {}
    for name in ordered:
        if _SEPARATOR not in name:
            names[name] = _unmangled(name) + " "  # one of its kind: the number stays empty
            continue
        kind = _kind(name)
        names[name] = f"{_unmangled(kind)} {left[kind]}"
        left[kind] -= 1
    return names


def _kind(name: str) -> str:
    """The word before the coordinates; the basin of a sink or bathtub is a kind of its own."""
    kind = name.split(_SEPARATOR, 1)[0]
    return kind + "basin" if "basin" in name else kind


def _unmangled(text: str) -> str:
    for mangled, sign in _MANGLED:
        text = text.replace(mangled, sign)
    return text
