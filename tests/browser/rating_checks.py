"""What must follow from the labels that people gave, worked out anew and by hand."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import permutations

from django.db.models import Count, F

from tests.browser.annotators import Annotator, Label
from webapp.annotation.models import Assignment, Draft, Queue, Response
from webapp.episodes.models import Reflection

OVERLAP = 2


def check_labels(queue: Queue, people: list[Annotator]) -> dict[int, list[tuple[str, Label]]]:
    """Every label that was submitted is there once, and no item has more than its overlap."""
    rows = Response.objects.current().filter(item__queue=queue)
    stored = [
        (name, item, kind, value if kind == "override" else None)
        for name, item, kind, value in rows.values_list("person__username", "item", "kind", "value")
    ]
    sent = [(person.name, item, *label) for person in people for item, label in person.sent.items()]
    lost, unknown = Counter(sent) - Counter(stored), Counter(stored) - Counter(sent)
    assert not lost + unknown, (lost, unknown, told(people, {row[1] for row in lost + unknown}))
    by_item: dict[int, list[tuple[str, Label]]] = defaultdict(list)
    for name, item, kind, value in sent:
        by_item[item].append((name, (kind, value)))
    assert set(by_item) == set(queue.items.values_list("pk", flat=True))
    assert {len({name for name, _ in labels}) for labels in by_item.values()} == {OVERLAP}
    assert {len(labels) for labels in by_item.values()} == {OVERLAP}
    assert not Draft.objects.filter(item__queue=queue).exists()
    return by_item


def told(people: list[Annotator], items: set[int]) -> list[tuple[str, int, str]]:
    """What the people saw happen to these items, in order."""
    seen = [(person.name, item, what) for person in people for item, what in person.events]
    return [row for row in seen if row[1] in items]


def overfull() -> list[int]:
    """Items that more people hold or have answered than the overlap allows, just now."""
    held = Assignment.objects.held().values("item").order_by("item").annotate(number=Count("pk"))
    return list(held.filter(number__gt=F("item__queue__overlap")).values_list("item", flat=True))


def valued(queue: Queue, by_item: dict[int, list[tuple[str, Label]]]) -> dict[int, list[float]]:
    """What people said of each reflection in numbers: accepting gives the automatic rating."""
    found: dict[int, list[float]] = {}
    for item in queue.items.select_related("reflection"):
        said = [label for _, label in by_item[item.pk]]
        values = [item.reflection.automatic_rating if k == "accept" else v for k, v in said]
        found[item.reflection_id] = [value for value in values if value is not None]
    return found


def interval_alpha(units: Iterable[Sequence[float]]) -> float:
    """Krippendorff's alpha for intervals, by hand: observed over expected squared differences."""
    paired = [unit for unit in units if len(unit) > 1]
    values = Counter(value for unit in paired for value in unit)
    total = sum(values.values())
    observed = sum(
        sum((one - other) ** 2 for one, other in permutations(unit, 2)) / (len(unit) - 1)
        for unit in paired
    )
    expected = sum(
        values[one] * values[other] * (one - other) ** 2 for one in values for other in values
    )
    return 1 - observed / total / (expected / (total * (total - 1)))


def effective_by_hand(values: dict[int, list[float]]) -> dict[int, float]:
    """The rule: the value on which all agree, else the automatic rating; unrated ones have none."""
    found = {}
    for pk, automatic in Reflection.objects.values_list("pk", "automatic_rating"):
        said = set(values.get(pk, []))
        rating = said.pop() if len(said) == 1 else automatic
        if rating is not None:
            found[pk] = rating
    return found
