"""What is done to experiments from their list: tags, deletes, archive, each with its right."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.webapp.listed import drafts, names
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp.annotation.models import Queue, QueueItem
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import shelf
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db
LIST = "/experiments/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def administrator() -> Client:
    return client_of("administrator")


def bulk(client: Client, action: str, *rows: Experiment, **more: str) -> HttpResponse:
    ids = [row.pk for row in rows]
    return client.post(f"{LIST}bulk/", {"action": action, "ids": ids, **more}, follow=True)


def test_tags_are_put_on_once_taken_off_and_filtered_by(administrator: Client) -> None:
    one, two = drafts("one", "two")

    bulk(administrator, "tag", one, tag="seeds 1-5")
    page = bulk(administrator, "tag", one, two, tag="seeds 1-5")

    assert "1 experiment tagged" in text(page)
    assert Experiment.objects.get(pk=one.pk).tags == ["seeds 1-5"]
    bulk(administrator, "untag", two, tag="seeds 1-5")
    assert names(administrator.get(LIST, {"tag": "seeds 1-5"})) == ["one"]


@pytest.mark.parametrize("tag", ["", "<b>", "x" * 41])
def test_a_bad_tag_is_refused(administrator: Client, tag: str) -> None:
    (one,) = drafts("one")

    bulk(administrator, "tag", one, tag=tag)

    assert Experiment.objects.get().tags == []


def test_a_delete_can_be_undone(administrator: Client) -> None:
    one, _ = drafts("one", "two")

    page = bulk(administrator, "delete", one)
    assert names(page) == ["two"]
    assert "1 experiment deleted" in text(page)

    assert names(bulk(administrator, "restore", one)) == ["two", "one"]


def test_people_s_work_protects_an_experiment_and_the_page_says_why(administrator: Client) -> None:
    experiment = played_experiment()
    queue = Queue.objects.create(name="queue")
    reflection = Reflection.objects.filter(experiment=experiment).first()
    QueueItem.objects.create(queue=queue, reflection=reflection)

    page = text(bulk(administrator, "delete", experiment))

    assert "Not deleted. doors: people&#x27;s work hangs on it (1 queue items)" in page
    assert "Archive it instead" in page
    assert Experiment.objects.get().deleted_at is None


def test_an_experiment_that_is_played_is_not_deleted(administrator: Client) -> None:
    (one,) = drafts("one")
    Experiment.objects.update(status="running")

    assert "cancel it first" in text(bulk(administrator, "delete", one))


def test_only_what_was_deleted_long_ago_is_purged() -> None:
    experiment, kept = played_experiment(), played_experiment("kept doors")
    Experiment.objects.filter(pk=experiment.pk).update(
        deleted_at=timezone.now() - shelf.KEPT - timedelta(hours=1)
    )
    Experiment.objects.filter(pk=kept.pk).update(deleted_at=timezone.now())

    call_command("purge_experiments")

    assert list(Experiment.objects.all()) == [kept]
    assert not Episode.objects.filter(experiment=experiment.pk).exists()


def test_archived_experiments_are_on_their_own_shelf(administrator: Client) -> None:
    one, _ = drafts("one", "two")
    bulk(administrator, "archive", one)

    assert names(administrator.get(LIST)) == ["two"]
    assert names(administrator.get(LIST, {"shelf": "archived"})) == ["one"]
    bulk(administrator, "unarchive", one)
    assert names(administrator.get(LIST)) == ["two", "one"]


def test_comparing_leads_to_the_comparison(viewer: Client) -> None:
    one, two = drafts("one", "two")

    response = viewer.post(f"{LIST}bulk/", {"action": "compare", "ids": [one.pk, two.pk]})

    assert response["Location"] == f"{LIST}compare/?ids={one.pk},{two.pk}"


@pytest.mark.parametrize(
    ("role", "action", "status"),
    [
        ("viewer", "tag", 403),
        ("viewer", "archive", 403),
        ("researcher", "delete", 403),
        ("researcher", "restore", 403),
        ("researcher", "archive", 302),
        ("administrator", "delete", 302),
    ],
)
def test_each_change_needs_its_right(role: str, action: str, status: int) -> None:
    (one,) = drafts("one")

    response = client_of(role).post(
        f"{LIST}bulk/", {"action": action, "ids": one.pk, "tag": "seen"}
    )

    assert response.status_code == status


@pytest.mark.parametrize("data", [{}, {"action": "explode", "ids": "1"}, {"action": "tag"}])
def test_a_bulk_that_says_nothing_changes_nothing(
    administrator: Client, data: dict[str, str]
) -> None:
    assert administrator.post(f"{LIST}bulk/", data)["Location"] == LIST


def test_one_is_sent_back_only_to_the_list(administrator: Client) -> None:
    (one,) = drafts("one")

    response = administrator.post(
        f"{LIST}bulk/", {"action": "archive", "ids": one.pk, "back": "//elsewhere.example/"}
    )

    assert response["Location"] == LIST
