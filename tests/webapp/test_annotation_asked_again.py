"""A person who is asked the same again is one rater, with the newest value."""

import pytest

from tests.webapp.annotated import effective, give, override, person, reflections
from webapp.annotation.models import QueueItem, RatingEvent
from webapp.annotation.services import taking_back
from webapp.annotation.services.making import Selection, Terms, make_queue, sample
from webapp.experiments.alphas import alphas

pytestmark = pytest.mark.django_db


@pytest.fixture
def twice() -> list[tuple[QueueItem, QueueItem]]:
    """Two reflections, each with the copy that is asked again."""
    reflections(2)
    selection = Selection([], size=4, again_share=0.5)
    queue = make_queue(person("lea", "researcher"), Terms("twice", overlap=2), selection, "")
    items = list(queue.items.order_by("reflection", "copy"))
    return [(items[0], items[1]), (items[2], items[3])]


def test_a_second_answer_of_one_person_is_no_second_rater(
    twice: list[tuple[QueueItem, QueueItem]],
) -> None:
    experiment = twice[0][0].reflection.experiment_id
    for first, again in twice:
        give(first, person("ann"), override(0.0))
        give(again, person("ann"), override(1.0))
    assert alphas([experiment]) == {experiment: None}

    give(twice[0][0], person("ben"), override(1.0))
    give(twice[1][0], person("ben"), override(0.0))

    # Ann's newest are 1 and 1, Ben's 1 and 0: observed 2/4, expected 6/12 squared differences.
    assert alphas([experiment]) == {experiment: 0.0}


def test_disputed_are_those_that_two_people_value_differently(
    twice: list[tuple[QueueItem, QueueItem]],
) -> None:
    (first, again), (other, _) = twice
    give(first, person("ann"), override(0.0))
    give(again, person("ann"), override(1.0))
    disputed = Selection([], size=1, disputed_share=1.0)
    assert list(sample(disputed, seed=0).values()) == ["filter"]

    give(other, person("ann"), override(0.0))
    give(other, person("ben"), override(1.0))

    assert sample(disputed, seed=0) == {other.reflection_id: "disputed"}


def test_undoing_a_correction_of_the_older_answer_leaves_the_newer_in_force(
    twice: list[tuple[QueueItem, QueueItem]],
) -> None:
    first, again = twice[0]
    give(first, person("ann"), override(1.0))
    give(again, person("ann"), override(-1.0))
    mistyped = give(first, person("ann"), override(0.5))

    taking_back.withdraw(mistyped, person("ann"), RatingEvent.Cause.WITHDRAWAL, "Undone")

    assert effective(first) == -1.0
