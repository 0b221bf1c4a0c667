"""The API: tokens and scopes, pushed episodes step by step, one shape of error."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.webapp.played import client_of, played_experiment
from webapp.api.models import OpenEpisode, Token
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import Experiment, ExperimentTask
from workers.upkeep import take_up_lost_work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
ALL = ["read", "write", "train"]
STEPS = [
    {"action": "open red", "thought": "Red.", "observation": "A wall."},
    {"action": "leave", "observation": "You are out.", "reward": 1.0},
]


class Api:
    """A program with a token."""

    def __init__(self, role: str = "researcher", scopes: list[str] = ALL) -> None:
        client_of(role)
        self.user = User.objects.get(username=f"user-{role or 'nobody'}")
        self.token, self.text = Token.objects.make(self.user, "mine", scopes)
        self.client = Client()

    def get(self, path: str) -> Any:
        return self.client.get(f"/api{path}", headers={"Authorization": f"Bearer {self.text}"})

    def post(self, path: str, body: object) -> Any:
        return self.client.post(
            f"/api{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.text}"},
        )


@pytest.fixture
def api() -> Api:
    return Api()


def opened(api: Api, **changes: Any) -> str:
    body = {"name": "foreign", "environment": "doors", "method": "reflexion", "trials": 3}
    made = api.post("/experiments", body | changes)
    assert made.status_code in (200, 201), made.json()
    return f"/experiments/{made.json()['id']}"


def push(api: Api, path: str, task: str, trial: int, episode_return: float) -> dict[str, Any]:
    """A whole episode of two steps."""
    place = {"task_id": task, "trial": trial}
    api.post(f"{path}/episodes", place | {"goal": "Get out."})
    steps = [STEPS[0], STEPS[1] | {"reward": episode_return}]
    api.post(f"{path}/steps", place | {"first_index": 0, "steps": steps})
    end = {"success": episode_return == 1.0, "steps_count": 2}
    told = api.post(f"{path}/end", place | end)
    assert told.status_code == 200, told.json()
    return dict(told.json())


def test_a_foreign_agents_trials_grow_the_curve_live(api: Api) -> None:
    path = opened(api)

    push(api, path, "d1", 1, 0.25)
    push(api, path, "d2", 1, 1.0)
    first = api.get(f"{path}/curve").json()
    written = {"task_id": "d1", "trial": 1, "text": "Red is a wall: try blue."}
    assert api.post(f"{path}/reflections", written).json()["is_new"] is True
    push(api, path, "d1", 2, 1.0)

    assert first["success_percent"] == [50.0]
    assert api.get(f"{path}/curve").json()["success_percent"] == [50.0, 100.0]
    assert api.get(f"{path}/ratings").json()["items"][0]["automatic_rating"] == 0.75
    experiment = api.get(path).json()
    assert (experiment["status"], experiment["tasks_solved"], experiment["steps_count"]) == (
        *("running", 2, 6),
    )


def test_steps_show_while_the_agent_plays_and_twice_is_once(api: Api) -> None:
    path = opened(api)
    place = {"task_id": "d1", "trial": 1}
    api.post(f"{path}/episodes", place)
    sent = place | {"first_index": 0, "steps": STEPS[:1]}

    told = [api.post(f"{path}/steps", sent).json()["is_new"] for _ in range(2)]

    assert told == [True, False]
    row = ExperimentTask.objects.get()
    assert (row.live_trial, row.live_step, row.live_action) == (1, 1, "open red")
    other = sent | {"steps": [{"action": "open blue"}]}
    refused = api.post(f"{path}/steps", other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


def test_an_end_that_is_sent_twice_records_one_episode(api: Api) -> None:
    path = opened(api)

    first = push(api, path, "d1", 1, 0.5)
    again = push(api, path, "d1", 1, 0.5)

    assert (first["is_new"], again["is_new"]) == (True, False)
    assert again["id"] == first["id"]
    assert (Episode.objects.count(), OpenEpisode.objects.count()) == (1, 0)
    assert Experiment.objects.get().episodes_count == 1


def test_an_end_with_a_step_missing_is_refused(api: Api) -> None:
    path = opened(api)
    place = {"task_id": "d1", "trial": 1}
    api.post(f"{path}/episodes", place)
    api.post(f"{path}/steps", place | {"first_index": 1, "steps": STEPS[1:]})

    refused = api.post(f"{path}/end", place | {"success": True, "steps_count": 2})

    assert refused.status_code == 409
    assert not Episode.objects.exists()


def test_a_return_without_rewards_is_paid_at_the_last_step(api: Api) -> None:
    path = opened(api)
    place = {"task_id": "d1", "trial": 1}
    api.post(f"{path}/episodes", place)
    api.post(f"{path}/steps", place | {"first_index": 0, "steps": STEPS[:1]})
    end = place | {"success": False, "steps_count": 1, "episode_return": 0.4}

    api.post(f"{path}/end", end)

    assert Episode.objects.get().episode_return == 0.4
    assert list(Episode.objects.get().steps.values_list("reward", flat=True)) == [0.4]


def test_a_reflection_that_comes_late_is_rated_at_once(api: Api) -> None:
    path = opened(api)
    push(api, path, "d1", 1, 0.25)
    push(api, path, "d1", 2, 0.75)

    api.post(f"{path}/reflections", {"task_id": "d1", "trial": 1, "text": "Blue."})

    assert Reflection.objects.get().automatic_rating == 0.5


def test_a_pushed_experiment_is_never_played_by_a_worker(api: Api) -> None:
    path = opened(api)
    push(api, path, "d1", 1, 0.25)

    assert take_up_lost_work() == []

    assert Experiment.objects.get().status == "running"
    assert api.post(f"{path}/finish", {}).json()["is_new"] is True
    assert Experiment.objects.get().status == "finished"
    refused = api.post(f"{path}/episodes", {"task_id": "d1", "trial": 2})
    assert refused.status_code == 409


def test_opening_an_experiment_again_finds_it(api: Api) -> None:
    first, again = opened(api), opened(api)

    assert first == again
    body = {"name": "foreign", "environment": "rooms"}
    assert api.post("/experiments", body).status_code == 409


def test_another_persons_experiment_takes_no_pushes(api: Api) -> None:
    path = opened(api)
    stranger = Api("administrator")

    refused = stranger.post(f"{path}/episodes", {"task_id": "d1", "trial": 1})

    assert refused.status_code == 403
    assert stranger.get(path).status_code == 200


def test_a_played_experiment_can_be_made_and_started(api: Api) -> None:
    task_set = played_experiment().task_set
    body = {"name": "by program", "source": "played", "task_set": task_set.name, "start": True}

    made = api.post("/experiments", body | {"method": "resample", "trials": 2, "seed": 5})

    assert made.status_code == 201, made.json()
    assert (made.json()["status"], made.json()["tasks_total"]) == ("queued", 3)
    assert api.post("/experiments", body).status_code == 422  # the name is taken


def test_pages_go_on_from_the_last_id(api: Api) -> None:
    experiment = played_experiment()

    first = api.get(f"/experiments/{experiment.pk}/episodes?limit=3").json()
    rest = api.get(f"/experiments/{experiment.pk}/episodes?limit=3&after={first['after']}").json()

    assert [len(first["items"]), len(rest["items"]), rest["after"]] == [3, 2, None]
    whole = api.get(f"/episodes/{first['items'][0]['id']}").json()
    assert [step["action"] for step in whole["steps"]] == ["open red", "leave"]


@pytest.mark.parametrize(
    ("path", "count"), [("", 3), ("/episodes", 4), ("/reflections", 4), ("/ratings", 5)]
)
def test_a_page_costs_few_questions(
    api: Api, path: str, count: int, django_assert_max_num_queries: Any
) -> None:
    experiment = played_experiment()
    api.get("/experiments")

    with django_assert_max_num_queries(count + 4):
        assert api.get(f"/experiments/{experiment.pk}{path}").status_code == 200


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
