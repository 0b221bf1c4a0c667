"""A session that ends while a page is open: the way to the sign-in page and back to a page."""

import pytest
from django.test import Client

from tests.webapp.pages import text
from tests.webapp.played import client_of

pytestmark = pytest.mark.django_db
POLL = {"HX-Request": "true", "HX-Target": "live"}


@pytest.mark.parametrize("path", ["/experiments/3/?cursor=9", "/notifications/unread/"])
def test_a_part_of_a_page_stays_as_it_is_and_the_page_is_told(client: Client, path: str) -> None:
    response = client.get(path, headers=POLL)

    assert (response.status_code, response.content) == (204, b"")
    assert "signed-out" in response["HX-Trigger"]
    assert "HX-Redirect" not in response


@pytest.mark.parametrize(
    ("came_from", "after"),
    [
        ("http://testserver/annotation/queues/1/items/2/", "/annotation/queues/1/items/2/"),
        ("https://testserver/annotation/", "/annotation/"),  # a proxy speaks TLS
        ("http://elsewhere.org/annotation/", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_a_form_that_was_sent_leads_back_to_its_page(
    client: Client, came_from: str, after: str
) -> None:
    path = "/annotation/queues/1/items/2/submit/"

    response = client.post(path, headers={"Referer": came_from})

    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={after}")


def test_a_page_that_was_asked_for_is_where_signing_in_leads(client: Client) -> None:
    response = client.get("/reports/?q=doors", headers={"Referer": "http://testserver/tokens/"})

    assert response["Location"] == "/sign-in/?next=/reports/%3Fq%3Ddoors"


def test_the_sign_in_form_names_its_address(client: Client) -> None:
    assert 'action="/sign-in/"' in text(client.get("/sign-in/?next=/reports/"))


def test_a_form_with_an_old_token_is_refused_in_plain_words() -> None:
    stranger = Client(enforce_csrf_checks=True)

    response = stranger.post("/sign-in/", {"username": "ann", "password": "kettle"})

    assert response.status_code == 403
    assert "what you typed is kept where it is" in text(response)


def test_who_is_signed_in_keeps_the_way_elsewhere_on_that_page() -> None:
    known = client_of("viewer")
    known.handler.enforce_csrf_checks = True

    response = known.post("/notifications/read/")

    assert response.status_code == 403
    assert 'aria-label="Main"' in text(response)
