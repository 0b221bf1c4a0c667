"""Reviews of reports: asked, told, answered once, by nobody else."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.webapp.pages import text
from tests.webapp.played import client_of, new_experiment
from webapp.notifications.models import Notification
from webapp.reports.models import Report, Review
from webapp.reports.services import saving

pytestmark = pytest.mark.django_db
LIST = "/reports/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def report_of(body: str, title: str = "Doors") -> Report:
    owner, _ = User.objects.get_or_create(username="ann")
    return saving.create(title, body, owner)


def test_a_review_is_asked_told_and_answered(researcher: Client) -> None:
    experiment = new_experiment()
    bob_client = client_of("viewer")
    bob = User.objects.get(username="user-viewer")

    researcher.post(
        f"{LIST}reviews/experiment/{experiment.pk}/ask/", {"reviewer": bob.pk, "note": "The seeds?"}
    )
    review = Review.objects.get()
    waiting = text(bob_client.get(LIST))
    page = text(bob_client.get(f"/experiments/{experiment.pk}/"))
    bob_client.post(
        f"{LIST}reviews/{review.pk}/answer/", {"state": "changes", "comment": "Other seeds."}
    )

    assert "Reviews asked of you" in waiting
    assert "Request changes" in page
    after = text(researcher.get(f"/experiments/{experiment.pk}/"))
    assert "changes requested" in after
    assert "Other seeds." in after
    assert Notification.objects.count() == 2


def test_a_request_for_changes_needs_words_and_an_answer_is_given_once(viewer: Client) -> None:
    bob = User.objects.get(username="user-viewer")
    review = Review.objects.create(report=report_of("x"), reviewer=bob)
    address = f"{LIST}reviews/{review.pk}/answer/"

    wordless = text(viewer.post(address, {"state": "changes"}, follow=True))
    viewer.post(address, {"state": "approved"})
    again = text(viewer.post(address, {"state": "changes", "comment": "No."}, follow=True))

    review.refresh_from_db()
    assert "Say what should change." in wordless
    assert "was answered before" in again
    assert review.state == "approved"


def test_asking_twice_while_it_waits_says_so(researcher: Client) -> None:
    bob = User.objects.create_user("bob")
    bob.groups.add(Group.objects.get(name="viewer"))
    report = report_of("x")
    address = f"{LIST}reviews/report/{report.pk}/ask/"

    researcher.post(address, {"reviewer": bob.pk})
    again = text(researcher.post(address, {"reviewer": bob.pk}, follow=True))

    assert "bob was asked already." in again
    assert Review.objects.count() == 1


@pytest.mark.parametrize("given", [{}, {"reviewer": "x"}, {"reviewer": 10**18}])
def test_asking_nobody_asks_nobody(researcher: Client, given: dict[str, object]) -> None:
    report = report_of("x")

    page = researcher.post(f"{LIST}reviews/report/{report.pk}/ask/", given, follow=True)

    assert "Choose whom to ask." in text(page)


def test_another_persons_review_is_not_mine_to_answer(viewer: Client) -> None:
    review = Review.objects.create(report=report_of("x"), reviewer=User.objects.create_user("bob"))

    answer = viewer.post(f"{LIST}reviews/{review.pk}/answer/", {"state": "approved"})

    assert answer.status_code == 404
