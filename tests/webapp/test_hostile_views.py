"""Nonsense in addresses, queries and headers never breaks a page."""

import pytest
from django.test import Client

from tests.webapp.played import client_of, played_experiment
from webapp.episodes.models import Episode

pytestmark = pytest.mark.django_db
HUGE = "9" * 40
NONSENSE = [
    "",
    "-1",
    "0",
    "x",
    HUGE,
    "9" * 19,
    "a\x00b",
    "%00",
    "1e9",
    "٣",
    "'; drop table",
    "é" * 500,
]
PARAMETERS = {
    "/experiments/": ["q", "environment", "method", "status", "before", "after"],
    "/experiments/{experiment}/": ["order", "from", "cursor"],
    "/experiments/new/": ["clone"],
    "/episodes/{episode}/": ["from"],
    "/reflections/": ["rating", "experiment", "before", "after"],
    "/task-sets/": ["before", "after"],
    "/task-sets/{task_set}/": ["from"],
}


@pytest.mark.parametrize("value", NONSENSE)
def test_a_nonsense_parameter_is_ignored_or_not_found(value: str) -> None:
    researcher = client_of("researcher")
    experiment = played_experiment()
    rows = {
        "experiment": experiment.pk,
        "episode": Episode.objects.order_by("pk")[0].pk,
        "task_set": experiment.task_set_id,
    }

    for path, names in PARAMETERS.items():
        for name in names:
            response = researcher.get(path.format(**rows), {name: value})
            assert response.status_code in (200, 404), (path, name)


@pytest.mark.parametrize(
    "target", ["live", "live-3", "curve", "nothing", "../x", "more-9", "text-1"]
)
def test_any_htmx_target_is_answered(target: str) -> None:
    viewer = client_of("viewer")
    experiment = played_experiment()

    headers = {"HX-Request": "true", "HX-Target": target}
    response = viewer.get(f"/experiments/{experiment.pk}/", headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/experiments/{HUGE}/",
        f"/experiments/{HUGE}/curve.csv",
        f"/experiments/1/tasks/{HUGE}/",
        f"/episodes/{HUGE}/",
        f"/episodes/{HUGE}/steps/1/",
        f"/episodes/{HUGE}/episode.json",
        f"/task-sets/{HUGE}/",
        "/experiments/-1/",
        "/nowhere/",
    ],
)
def test_an_address_of_nothing_is_not_found(path: str) -> None:
    response = client_of("viewer").get(path)

    assert response.status_code == 404
    assert b"Retroformer Studio" in response.content


def test_not_found_keeps_the_way_elsewhere_for_who_is_signed_in(client: Client) -> None:
    known = client_of("viewer").get("/nowhere/").content
    stranger = client.get("/nowhere/").content

    assert b'aria-label="Main"' in known
    assert b'aria-label="Main"' not in stranger
    assert b"There is nothing at this address" in stranger


def test_a_forbidden_page_has_the_house_style(client: Client) -> None:
    response = client_of("").get("/experiments/")

    assert response.status_code == 403
    assert b"Your role does not allow this" in response.content


def test_markup_in_names_and_texts_stays_text() -> None:
    viewer = client_of("viewer")
    experiment = played_experiment("<script>alert(1)</script>")

    for path in ("/experiments/", f"/experiments/{experiment.pk}/"):
        assert b"<script>alert(1)" not in viewer.get(path).content
