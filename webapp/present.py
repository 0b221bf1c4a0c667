"""How numbers, times and long texts read on a page: formatted once, in the view."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

MINUTE, HOUR, DAY = 60, 3600, 86400
DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people say it, and exactly."""

    text: str
    exact: str
    iso: str


@dataclass(frozen=True, slots=True)
class Clipped:
    """The beginning of a long text, and how many characters it leaves out."""

    text: str
    left_out: int

    @property
    def left_out_text(self) -> str:
        return f"{self.left_out:,}"


def moment(when: datetime | None) -> Moment | None:
    """`3 min ago`, with the exact time to hover; after a week the date."""
    if when is None:
        return None
    exact = when.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Moment(_ago(when), exact, when.isoformat(timespec="seconds"))


def _ago(when: datetime) -> str:
    seconds = (timezone.now() - when).total_seconds()
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h ago"
    if seconds < 7 * DAY:
        days = int(seconds // DAY)
        return f"{days} day{'s' if days > 1 else ''} ago"
    return when.strftime("%-d %b %Y")


def duration(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    if seconds is None:
        return DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"


def count(number: int) -> str:
    """With thousands separators."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """Three digits and a unit: 950, 12.3 k, 4.56 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            value = number / size
            digits = 0 if value >= 100 else 1 if value >= 10 else 2
            return f"{value:.{digits}f} {unit}"
    return str(number)


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 0..1 in percent."""
    return DASH if share is None else f"{100 * share:.{digits}f} %"


def decimal(value: float | None, digits: int = 2) -> str:
    """A plain number, a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """A rating: always with its sign, a true minus, and a dash where there is none yet."""
    if value is None:
        return DASH
    text = f"{abs(value):.2f}"
    if float(text) == 0:
        return "0.00"
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text


def rating_class(value: float | None) -> str:
    """The stylesheet's word for a rating."""
    if value is None:
        return "none"
    return "up" if value > 0 else "down" if value < 0 else "even"


def clip(text: str, limit: int) -> Clipped:
    """Cut at a word near `limit`; a little over the limit is left whole."""
    if len(text) <= limit * 1.25:
        return Clipped(text, 0)
    head = text[:limit].rsplit(" ", 1)[0] or text[:limit]
    return Clipped(f"{head} …", len(text) - len(head))
