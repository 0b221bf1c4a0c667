"""A blind queue: nowhere is a peer's value shown to one who has yet to answer."""

import pytest

from tests.webapp.annotated import give, override, person, queue_of, signed_in
from tests.webapp.pages import text
from webapp.annotation.models import QueueItem
from webapp.annotation.services import comments
from webapp.experiments.models import ExperimentTask

pytestmark = pytest.mark.django_db
SAID = "+0.75"


@pytest.fixture
def item() -> QueueItem:
    """Ann valued it; Ben has yet to."""
    item = queue_of(count=1, overlap=2).items.get()
    give(item, person("ann"), override(0.75))
    episode = item.reflection.episode
    ExperimentTask.objects.create(
        experiment=episode.experiment, task=episode.task, position=0, trials_done=2
    )
    return item


def pages(item: QueueItem) -> list[str]:
    episode = item.reflection.episode
    return [
        f"/episodes/{episode.pk}/",
        f"/episodes/{episode.pk}/episode.md",
        f"/experiments/{episode.experiment_id}/",
        f"/experiments/{episode.experiment_id}/tasks/{episode.task_id}/",
        "/reflections/",
        "/search/?q=blue&scope=reflections",
        f"/annotation/reflections/{item.reflection_id}/",
        f"/annotation/queues/{item.queue_id}/",
        f"/annotation/queues/{item.queue_id}/items/{item.pk}/",
    ]


def shown_on(item: QueueItem, name: str, role: str = "annotator") -> list[str]:
    """The pages that tell what Ann said."""
    client = signed_in(person(name, role))
    found = {path: client.get(path) for path in pages(item)}
    assert {response.status_code for response in found.values()} <= {200, 403}
    return [path for path, response in found.items() if SAID in text(response)]


def test_a_peers_value_shows_nowhere_before_ones_own_answer(item: QueueItem) -> None:
    assert shown_on(item, "ben") == []
    assert shown_on(item, "vic", "viewer") == []


def test_it_shows_after_ones_own_answer_and_to_those_who_lead(item: QueueItem) -> None:
    assert len(shown_on(item, "rea", "researcher")) >= 7

    give(item, person("ben"), override(0.75))

    assert len(shown_on(item, "ben")) >= 7


def test_a_search_finds_no_word_of_a_discussion_that_is_hidden(item: QueueItem) -> None:
    comments.add(item.reflection, person("ann"), "Clearly a useful plan.")
    path = "/search/?q=useful&scope=comments"

    assert "Clearly a" not in text(signed_in(person("ben")).get(path))
    assert "Clearly a" in text(signed_in(person("rea", "researcher")).get(path))


@pytest.mark.parametrize("order", ["newest", "best"])
def test_hidden_comments_neither_end_a_search_nor_are_counted(item: QueueItem, order: str) -> None:
    ann = person("ann")
    comments.add(item.reflection.experiment, ann, "A useful experiment.")
    for number in range(21):  # a page of them and one more
        comments.add(item.reflection, ann, f"Useful, {number} times.")
    path = f"/search/?q=useful&scope=comments&order={order}"

    asked = text(signed_in(person("ben")).get(path))

    assert "experiment." in asked
    assert "> 1 match." in asked
    assert "times" not in asked
    assert "22 matches" in text(signed_in(person("rea", "researcher")).get(path))
