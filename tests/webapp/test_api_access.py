"""The API at its edges: tokens and scopes, bad bodies, strange addresses, the document."""

import pytest
from django.test import Client

from tests.webapp.api_program import ALL, Api, opened
from tests.webapp.played import client_of
from webapp.api.models import Token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_token_is_stored_hashed_and_its_use_is_noted(api: Api) -> None:
    api.get("/experiments")

    stored = Token.objects.get()
    assert api.text not in str(Token.objects.values().get())
    assert stored.last_used_at is not None


def test_a_revoked_token_opens_nothing(api: Api) -> None:
    page = Client()
    page.force_login(api.user)
    page.post(f"/tokens/{api.token.pk}/revoke/")

    refused = api.get("/experiments")

    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "unauthenticated"


def test_a_scope_and_the_owners_role_are_both_needed() -> None:
    reader, viewer = Api(scopes=["read"]), Api("viewer")

    for program in (reader, viewer):
        refused = program.post("/experiments", {"name": "x", "environment": "doors"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert Api("", scopes=ALL).get("/experiments").status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ({}, 422),
        ({"name": " ", "environment": "doors"}, 422),
        ({"name": "x" * 161, "environment": "doors"}, 422),
        ({"name": "x", "environment": "doors", "trials": 10**30}, 422),
        ({"name": "x", "environment": "doors", "oops": 1}, 422),
        ({"name": "x\x00y", "environment": "doors\x00"}, 201),
    ],
)
def test_bad_bodies_are_answered_in_one_shape(api: Api, body: object, status: int) -> None:
    answer = api.post("/experiments", body)

    assert answer.status_code == status, answer.content
    if status != 201:
        assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_bodies_are_bounded(api: Api) -> None:
    path = opened(api)
    api.post(f"{path}/episodes", {"task_id": "d1", "trial": 1})
    step = {"action": "look", "observation": "x" * 100_000}

    refused = api.post(
        f"{path}/steps", {"task_id": "d1", "trial": 1, "first_index": 0, "steps": [step] * 30}
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")


def test_strange_addresses_and_numbers_are_not_found(api: Api) -> None:
    for path in ("/nothing", "/experiments/999999", f"/episodes/{'9' * 30}", "/experiments/x"):
        answer = api.get(path)
        assert answer.status_code in (404, 422), path
        assert "error" in answer.json()


def test_the_document_names_every_route_and_the_page_loads_nothing_from_elsewhere() -> None:
    document = Client().get("/api/openapi.json").json()
    page = Client().get("/api/docs").content.decode()

    assert "/api/experiments/{experiment_id}/steps" in document["paths"]
    assert len(document["paths"]) == 11
    assert "/static/ninja/swagger-ui-bundle.js" in page
    assert "https://" not in page


def test_a_token_is_shown_once_on_the_page() -> None:
    client = client_of("viewer")

    made = client.post("/tokens/", {"name": "laptop", "scopes": ["read"]})
    again = client.get("/tokens/")

    assert b"rfs_" in made.content
    token = Token.objects.get()
    assert made.content.decode().count(token.start) == 2  # whole above, its start in the list
    assert b"token-text" not in again.content
    assert client.post("/tokens/", {"name": ""}).status_code == 422


def test_nobody_revokes_anothers_token(api: Api) -> None:
    client_of("viewer").post(f"/tokens/{api.token.pk}/revoke/")

    assert api.get("/experiments").status_code == 200


@pytest.mark.parametrize("method", ["delete", "put", "patch"])
def test_a_wrong_method_is_answered_in_one_shape(api: Api, method: str) -> None:
    headers = {"Authorization": f"Bearer {api.text}"}

    refused = getattr(api.client, method)("/api/experiments", headers=headers)

    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")
    assert method.upper() in refused.json()["error"]["message"]
    assert "POST" in refused["Allow"]
