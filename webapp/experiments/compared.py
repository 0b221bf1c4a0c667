"""A comparison as its page shows it: every value already words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.db.models import QuerySet
from django.urls import reverse

from retro_core.metrics import Interval
from webapp import present
from webapp.experiments.comparison import FLIPS, Comparison, Contender, Difference, Pair
from webapp.experiments.figures import Series
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task

SMALLEST_P = 0.0001
FLIP_WORDS = {
    "fixed": "fixed: only the other experiment solved them",
    "broke": "broke: only the baseline solved them",
    "both": "solved by both",
    "neither": "solved by neither",
}


@dataclass(frozen=True, slots=True)
class ContenderRow:
    """One experiment: where it ended and what it cost."""

    pk: int
    number: int
    name: str
    method: str
    solved: str
    success: str
    mean_return: str
    area: str
    episodes: str
    tokens: str
    tokens_per_solved: str
    minutes: str
    as_baseline: str


@dataclass(frozen=True, slots=True)
class DifferenceCell:
    """A difference with its interval, both p values and the effect size."""

    value: str
    interval: str
    p_value: str
    p_holm: str
    effect: str
    kind: str


@dataclass(frozen=True, slots=True)
class FlipCell:
    """How many tasks went one way, and where they are listed."""

    name: str
    tasks: int
    address: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class PairRow:
    """The tests of one experiment against the baseline."""

    other: Contender
    tasks: int
    success: DifferenceCell | None
    episode_return: DifferenceCell | None
    flips: list[FlipCell]


@dataclass(frozen=True, slots=True)
class OpenFlip:
    """The list of tasks behind one of the numbers."""

    words: str
    other: Contender
    tasks: "QuerySet[Task]"
    total: int
    first: int
    next_first: int | None


def address(ids: Sequence[int], trial: int = 0, **more: object) -> str:
    """The page of a comparison, with whatever else it is to show."""
    query = f"ids={','.join(map(str, ids))}" + (f"&trial={trial}" if trial else "")
    query += "".join(f"&{name}={value}" for name, value in more.items())
    return f"{reverse('experiments:compare')}?{query}"


def series_of(comparison: Comparison) -> list[Series]:
    """The curves to draw over each other; a point opens its experiment's episodes."""
    return [
        Series(
            label=one.experiment.name,
            points=one.points,
            number=one.number,
            kind="compared",
            addresses=point_addresses(one.experiment.pk, len(one.points)),
        )
        for one in comparison.contenders
    ]


def point_addresses(experiment_id: int, trials: int) -> list[str]:
    """The page of episodes behind each point."""
    before, after = _trial_page()
    return [f"{before}{experiment_id}{after}{trial}/" for trial in range(1, trials + 1)]


@cache
def _trial_page() -> tuple[str, str]:
    """What stands before the experiment and before the trial: resolving it takes longest."""
    before, after, _ = reverse("experiments:trial", args=[0, 0]).split("0")
    return before, after


def contender_rows(comparison: Comparison, chosen_trial: int) -> list[ContenderRow]:
    """One row an experiment, each with the way to make it the baseline."""
    ids = [one.experiment.pk for one in comparison.contenders]
    return [_contender_row(one, ids, chosen_trial) for one in comparison.contenders]


def _contender_row(one: Contender, ids: Sequence[int], chosen_trial: int) -> ContenderRow:
    row = one.experiment
    solved, played = sum(one.solved.values()), len(one.solved)
    tokens = row.prompt_tokens + row.completion_tokens
    first = [row.pk, *(pk for pk in ids if pk != row.pk)]
    area = one.areas
    return ContenderRow(
        pk=row.pk,
        number=one.number,
        name=row.name,
        method=row.method,
        solved=f"{solved:,} of {played:,}",
        success=present.percent(solved / played if played else None, 1),
        mean_return=present.decimal(sum(one.returns.values()) / played if played else None, 3),
        area=f"{area[0]:.3f} · {area[1]:.3f}" if area else present.DASH,
        episodes=present.count(row.episodes_count),
        tokens=present.short_count(tokens) if tokens else present.DASH,
        tokens_per_solved=present.short_count(tokens // solved)
        if tokens and solved
        else present.DASH,
        minutes=minutes(row),
        as_baseline=address(first, chosen_trial),
    )


def minutes(experiment: Experiment) -> str:
    """Time from its start to its end, with whatever pauses lay between; unknown for imports."""
    if experiment.started_at is None or experiment.finished_at is None:
        return present.DASH
    return present.duration((experiment.finished_at - experiment.started_at).total_seconds())


def pair_rows(
    comparison: Comparison, chosen_trial: int, opened: tuple[str, int] | None
) -> list[PairRow]:
    """The tests against the baseline, in the order of the experiments."""
    ids = [one.experiment.pk for one in comparison.contenders]

    def cell(pair: Pair, flip: str) -> FlipCell:
        pk = pair.other.experiment.pk
        target = address(ids, chosen_trial, flip=flip, of=pk) + "#flips"
        return FlipCell(flip, len(pair.flips[flip]), target, opened == (flip, pk))

    return [
        PairRow(
            other=pair.other,
            tasks=pair.tasks,
            success=_difference(pair.success, percent=True),
            episode_return=_difference(pair.episode_return, percent=False),
            flips=[cell(pair, flip) for flip in FLIPS],
        )
        for pair in comparison.pairs
    ]


def _difference(difference: Difference | None, *, percent: bool) -> DifferenceCell | None:
    if difference is None:
        return None
    effect = "none" if difference.effect is None else _signed(difference.effect, 2)
    value = difference.value
    certain = difference.p_holm < 0.05
    return DifferenceCell(
        value=_signed(value.value * (100 if percent else 1), 1 if percent else 3),
        interval=interval_words(value, percent=percent),
        p_value=p_words(difference.p_value),
        p_holm=p_words(difference.p_holm),
        effect=f"{'g' if percent else 'd'} {effect}",
        kind=("up" if value.value > 0 else "down") if certain else "even",
    )


def interval_words(value: Interval, *, percent: bool) -> str:
    """`-1.0 to +8.0` with true minus signs."""
    scale, digits = (100, 1) if percent else (1, 3)
    return f"{_signed(scale * value.low, digits)} to {_signed(scale * value.high, digits)}"


def p_words(p_value: float) -> str:
    """A p value, never rounded to nothing."""
    return (
        f"< {SMALLEST_P}"
        if p_value < SMALLEST_P
        else f"{p_value:.2g}"
        if p_value < 0.01
        else (f"{p_value:.3f}")
    )


def signed_points(share: float) -> str:
    """A difference of shares in percentage points."""
    return _signed(100 * share, 1)


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("+" if value > 0 else "\N{MINUS SIGN}") + text


def open_flip(
    comparison: Comparison, flip: str, other_id: int | None, first: int, size: int
) -> OpenFlip | None:
    """The tasks behind a number of the page; None where nothing was asked for."""
    pair = next((one for one in comparison.pairs if one.other.experiment.pk == other_id), None)
    if pair is None or flip not in FLIPS:
        return None
    ids = [int(task) for task in pair.flips[flip]]
    shown = ids[first : first + size]
    last = first + len(shown)
    return OpenFlip(
        words=FLIP_WORDS[flip],
        other=pair.other,
        tasks=Task.objects.filter(pk__in=shown).defer("payload").order_by("pk"),
        total=len(ids),
        first=first,
        next_first=last if last < len(ids) else None,
    )
