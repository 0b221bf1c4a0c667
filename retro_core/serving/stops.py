"""Cuts generated text before a stop sequence, also when it arrives in pieces."""

from collections.abc import Sequence


class StopCutter:
    """Feeds text through, holding back what may become a stop sequence."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self._cut = False

    def feed(self, piece: str) -> str:
        """Take a piece of text and return what may be shown now."""
        if self._cut:
            return ""
        text = self._held + piece
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self._cut, self._held = True, ""
            return text[: min(places)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what was held back, once no more text comes."""
        held, self._held = self._held, ""
        return held


def cut(text: str, stops: Sequence[str]) -> str:
    """Cut a whole text before its first stop sequence."""
    cutter = StopCutter(stops)
    return cutter.feed(text) + cutter.flush()


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
