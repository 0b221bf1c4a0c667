"""How a queue's people agree with each other, with the automatic rating and with gold."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from statistics import mean, median

from retro_core.agreement import LEVELS, Alpha, alpha_with_interval, cohen_kappa
from webapp.annotation.models import Adjudication, Queue, Response

MOST_VALUES = 7
_BEGINNING = ("item", "person", "value")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people and the items that both valued."""

    first: str
    second: str
    items: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Person:
    """One annotator: how many, how fast, how far from the automatic rating and from gold."""

    name: str
    answers: int
    valued: int
    accepted: int
    bias: float | None
    seconds: float | None
    gold_right: int
    gold_items: int
    same_again: int
    asked_again: int


@dataclass(frozen=True, slots=True)
class Week:
    """What one person did in one week: how many, how far from the automatic rating, how fast."""

    person: str
    monday: date
    answers: int
    mean_value: float | None
    bias: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts by automatic rating (rows) and person's value (columns).

    Where there are too many different values to read, only their signs: -1, 0, 1.
    """

    columns: list[float]
    rows: list[tuple[float, list[tuple[float, int]]]]
    by_sign: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """All of it for one queue."""

    alphas: dict[str, Alpha]
    pairs: list[Pair]
    people: list[Person]
    confusion: "Confusion"
    weeks: list[Week]
    answers: int


def agreement(queue: Queue) -> Agreement:
    """Computed from the answers in force."""
    rows = list(
        Response.objects.current()
        .filter(item__queue=queue)
        .select_related("person", "item")
        .order_by("item", "person")
    )
    valued = [row for row in rows if row.value is not None]
    units: dict[int, dict[str, float]] = defaultdict(dict)
    for row in valued:
        units[row.item_id][row.person.get_username()] = row.value or 0.0
    lists = [list(unit.values()) for unit in units.values()]
    return Agreement(
        alphas={level: alpha_with_interval(lists, level, seed=queue.seed) for level in LEVELS},
        pairs=_pairs(units),
        people=_people(rows),
        confusion=_confusion(valued),
        weeks=weeks(rows),
        answers=len(rows),
    )


def _pairs(units: dict[int, dict[str, float]]) -> list[Pair]:
    names = sorted({name for unit in units.values() for name in unit})
    return [_pair(one, other, units) for one, other in combinations(names, 2)]


def _pair(one: str, other: str, units: dict[int, dict[str, float]]) -> Pair:
    both = [(unit[one], unit[other]) for unit in units.values() if one in unit and other in unit]
    return Pair(one, other, len(both), cohen_kappa(both))


def weeks(rows: list[Response]) -> list[Week]:
    """Each person's weeks, oldest first: a mean that moves is drift."""
    found: dict[tuple[str, date], list[Response]] = defaultdict(list)
    for row in rows:
        day = row.created_at.date()
        monday = day - timedelta(days=day.weekday())
        found[row.person.get_username(), monday].append(row)
    return [_week(name, monday, answers) for (name, monday), answers in sorted(found.items())]


def _week(name: str, monday: date, rows: list[Response]) -> Week:
    values = [row.value for row in rows if row.value is not None]
    gaps = _gaps(rows)
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return Week(
        person=name,
        monday=monday,
        answers=len(rows),
        mean_value=mean(values) if values else None,
        bias=mean(gaps) if gaps else None,
        seconds=median(seconds) if seconds else None,
    )


def _gaps(rows: list[Response]) -> list[float]:
    """How far each value is from the automatic rating of its moment."""
    return [
        row.value - row.automatic_rating
        for row in rows
        if row.value is not None and row.automatic_rating is not None
    ]


def _again(rows: list[Response]) -> tuple[int, int]:
    """How often a person who was asked the same again gave the same value, and how often asked."""
    by_reflection: dict[int, list[Response]] = defaultdict(list)
    for row in rows:
        by_reflection[row.reflection_id].append(row)
    twice = [pair for pair in by_reflection.values() if len({row.item_id for row in pair}) == 2]
    same = sum(len({(row.kind == "discard", row.value) for row in pair}) == 1 for pair in twice)
    return same, len(twice)


def _people(rows: list[Response]) -> list[Person]:
    reflections = {row.reflection_id for row in rows}
    decided = Adjudication.objects.current().filter(gold=True, reflection__in=reflections)
    gold = dict(decided.values_list("reflection", "value"))
    right = _right_at_first(rows, gold)
    by_person: dict[str, list[Response]] = defaultdict(list)
    for row in rows:
        by_person[row.person.get_username()].append(row)
    return [_person(name, answers, right) for name, answers in sorted(by_person.items())]


def _right_at_first(rows: list[Response], gold: dict[int, float | None]) -> dict[int, bool]:
    """Whether the first answer to a gold item hit it; a later one may have been told the decision.

    The keys are the answers in force that have a value.
    """
    asked = [row for row in rows if row.reflection_id in gold and row.value is not None]
    begun = Response.objects.filter(replaces=None, item__in=[row.item_id for row in asked])
    first = {(item, who): value for item, who, value in begun.values_list(*_BEGINNING)}
    return {row.pk: first[row.item_id, row.person_id] == gold[row.reflection_id] for row in asked}


def _person(name: str, rows: list[Response], right: dict[int, bool]) -> Person:
    valued = [row for row in rows if row.value is not None]
    gaps = _gaps(rows)
    same_again, asked_again = _again(rows)
    seconds = [row.seconds for row in rows if row.seconds is not None]
    on_gold = [right[row.pk] for row in rows if row.pk in right]
    return Person(
        name=name,
        answers=len(rows),
        valued=len(valued),
        accepted=sum(row.kind == Response.Kind.ACCEPT for row in rows),
        bias=mean(gaps) if gaps else None,
        seconds=median(seconds) if seconds else None,
        gold_right=sum(on_gold),
        gold_items=len(on_gold),
        same_again=same_again,
        asked_again=asked_again,
    )


def _confusion(valued: list[Response]) -> Confusion:
    pairs = [
        (row.automatic_rating, row.value or 0.0)
        for row in valued
        if row.automatic_rating is not None
    ]
    by_sign = max(len({pair[side] for pair in pairs}) for side in (0, 1)) > MOST_VALUES
    if by_sign:
        pairs = [(_sign(rating), _sign(value)) for rating, value in pairs]
    seen = Counter(pairs)
    columns = sorted({value for _, value in seen})
    ratings = sorted({rating for rating, _ in seen})
    rows = [(rating, [(value, seen[rating, value]) for value in columns]) for rating in ratings]
    return Confusion(columns, rows, by_sign)


def _sign(value: float) -> float:
    return float((value > 0) - (value < 0))
