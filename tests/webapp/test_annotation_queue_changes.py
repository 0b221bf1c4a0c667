"""What a lead changes on a queue that is worked: its people, and its guidelines."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.webapp.annotated import HUGE, person, queue_of, signed_in
from tests.webapp.pages import text
from webapp.annotation.models import Queue

pytestmark = pytest.mark.django_db
TERMS = {"overlap": "2", "priority": "0", "blind": "on"}


@pytest.fixture
def queue() -> Queue:
    return queue_of(count=1)


@pytest.fixture
def lead() -> Client:
    return signed_in(person("lea", "researcher"))


def ticked(client: Client, queue: Queue) -> list[int]:
    """The people that the page would send."""
    form = client.get(f"/annotation/queues/{queue.pk}/").context["form"]
    return [int(str(box.data["value"])) for box in form["people"] if box.data["selected"]]


@pytest.mark.parametrize("left", ["an account closed", "another role"])
def test_a_queue_stays_with_its_people_when_none_of_them_may_annotate(
    queue: Queue, lead: Client, left: str
) -> None:
    ann, ben = person("ann"), person("ben")
    queue.people.set([ann])
    if left == "another role":
        ann.groups.clear()
    User.objects.filter(pk=ann.pk).update(is_active=left == "another role")
    path = f"/annotation/queues/{queue.pk}/change/"

    assert "Named, but may not annotate now: ann." in text(
        lead.get(f"/annotation/queues/{queue.pk}/")
    )
    lead.post(path, TERMS | {"overlap": "3", "people": ticked(lead, queue)})

    assert Queue.objects.get().overlap == 3
    assert list(queue.people.all()) == [ann]
    assert not Queue.objects.workable_by(ben).exists()
    lead.post(path, TERMS)  # unticked, so that it is meant
    assert Queue.objects.workable_by(ben).exists()


def test_nobody_who_was_never_named_is_offered_without_the_role(queue: Queue, lead: Client) -> None:
    vic = person("vic", "viewer")

    refused = lead.post(f"/annotation/queues/{queue.pk}/change/", TERMS | {"people": [vic.pk]})

    assert refused.status_code == 422
    assert not queue.people.exists()


def test_guidelines_of_two_leads_do_not_overwrite_each_other(queue: Queue, lead: Client) -> None:
    path = f"/annotation/queues/{queue.pk}/guidelines/"
    other = signed_in(person("rea", "researcher"))
    assert 'name="seen" value="1"' in text(lead.get(f"/annotation/queues/{queue.pk}/"))
    other.post(path, {"text": "By Rea.", "seen": "1"})

    refused = lead.post(path, {"text": "By <Lea>.", "seen": "1"})

    page = text(refused)
    assert refused.status_code == 409
    assert "Somebody wrote version 2 meanwhile." in page
    assert "<p>By Rea.</p>" in page
    assert ">By &lt;Lea&gt;.</textarea>" in page
    assert queue.guidelines.count() == 2
    assert 'name="seen" value="2"' in page  # who has seen it may go on
    lead.post(path, {"text": "By both.", "seen": "2"})
    assert queue.guidelines.count() == 3


@pytest.mark.parametrize("seen", ["", "x", "0", HUGE])
def test_guidelines_from_a_page_that_saw_no_version_are_refused(
    queue: Queue, lead: Client, seen: str
) -> None:
    path = f"/annotation/queues/{queue.pk}/guidelines/"

    assert lead.post(path, {"text": "New.", "seen": seen}).status_code == 409
    assert lead.post(path, {"text": "Be *fair*.", "seen": seen}).status_code == 302  # the same


def test_guidelines_that_are_too_long_are_kept_on_the_page(queue: Queue, lead: Client) -> None:
    path = f"/annotation/queues/{queue.pk}/guidelines/"

    refused = lead.post(path, {"text": "x" * 40_001, "seen": "1"})

    assert refused.status_code == 422
    assert "at most 40,000 characters" in text(refused)
    assert "x" * 40_001 in text(refused)
    assert queue.guidelines.count() == 1


def test_every_version_of_the_guidelines_has_a_page(queue: Queue, lead: Client) -> None:
    path = f"/annotation/queues/{queue.pk}/guidelines/"
    lead.post(path, {"text": "Be *strict*.", "seen": "1"})
    vic = signed_in(person("vic", "viewer"))

    assert f'href="{path}2/"' in text(vic.get(f"/annotation/queues/{queue.pk}/"))
    newest, old = text(vic.get(f"{path}2/")), text(vic.get(f"{path}1/"))

    assert "<em>strict</em>" in newest
    assert f'href="{path}1/"' in newest
    assert "<em>fair</em>" in old
    assert "This is an old version." in old
    assert "Write a new version" not in newest
    assert vic.get(f"{path}3/").status_code == 404
    assert vic.get(f"{path}{HUGE}/").status_code == 404
