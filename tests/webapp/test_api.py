"""The API: tokens and scopes, pushed episodes step by step, one shape of error."""

from itertools import count
from typing import Any

import pytest
from django.db.models import QuerySet

from tests.webapp.api_program import STEPS, Api, opened, push
from tests.webapp.played import played_experiment
from webapp.api import pushing
from webapp.api.errors import Conflict
from webapp.api.models import OpenEpisode
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import services
from webapp.experiments.live import playing_rows
from webapp.experiments.matrix import task_matrix
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.page import allowed_actions
from workers.upkeep import take_up_lost_work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]


@pytest.fixture
def api() -> Api:
    return Api()


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


def test_two_processes_that_open_one_experiment_at_once_share_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = opened(api)
    looks, first = count(), QuerySet.first

    def too_early(rows: Any) -> Any:
        """The other process commits between the look and the insert."""
        return None if rows.model is Experiment and next(looks) == 0 else first(rows)

    monkeypatch.setattr(QuerySet, "first", too_early)

    assert opened(api) == found


def test_an_agent_that_died_leaves_an_experiment_that_can_be_ended(api: Api) -> None:
    opened(api)
    experiment = Experiment.objects.get()

    assert allowed_actions(experiment) == ["cancel"]
    assert services.pause(experiment.pk) is False
    assert services.cancel(experiment.pk) is True


@pytest.mark.parametrize("ends", ["finish", "cancel"])
def test_nothing_shows_as_being_played_once_a_pushed_experiment_ended(api: Api, ends: str) -> None:
    path = opened(api)
    place = {"task_id": "d1", "trial": 1}
    api.post(f"{path}/episodes", place)
    api.post(f"{path}/steps", place | {"first_index": 0, "steps": STEPS[:1]})
    experiment = Experiment.objects.get()
    before = [cell.kind for cell in task_matrix(experiment).strips[0].cells]

    if ends == "finish":
        api.post(f"{path}/finish", {})
    else:
        services.cancel(experiment.pk)

    assert before == ["playing", "waiting", "waiting"]
    assert [cell.kind for cell in task_matrix(experiment).strips[0].cells] == ["waiting"] * 3
    assert playing_rows(experiment) == []
    assert not OpenEpisode.objects.exists()


def test_ending_a_pushed_experiment_again_changes_nothing(api: Api) -> None:
    path = opened(api)
    api.post(f"{path}/finish", {})

    assert api.post(f"{path}/finish", {}).json()["is_new"] is False
    assert services.cancel(Experiment.objects.get().pk) is False


def test_no_episode_is_opened_by_who_saw_the_experiment_before_its_end(api: Api) -> None:
    path = opened(api)
    seen = Experiment.objects.get()
    api.post(f"{path}/finish", {})

    with pytest.raises(Conflict, match="was finished"):
        pushing.open_episode(seen, "d1", 1, "")

    assert not OpenEpisode.objects.exists()


def test_another_persons_experiment_takes_no_pushes(api: Api) -> None:
    path = opened(api)
    stranger = Api("administrator")

    refused = stranger.post(f"{path}/episodes", {"task_id": "d1", "trial": 1})

    assert refused.status_code == 403
    assert stranger.get(path).status_code == 200


def test_a_played_experiment_can_be_made_and_started(api: Api) -> None:
    task_set = played_experiment().task_set
    body = {"name": "by program", "source": "played", "task_set": task_set.name, "start": True}

    reflector = {"reflector_model": "some-model", "adapter": "tuned-v1"}

    made = api.post("/experiments", body | reflector | {"trials": 2, "seed": 5})

    stored = Experiment.objects.get(name="by program")
    assert (stored.reflector_model, stored.adapter) == ("some-model", "tuned-v1")
    assert made.status_code == 201, made.json()
    assert (made.json()["status"], made.json()["tasks_total"]) == ("queued", 3)
    assert api.post("/experiments", body).status_code == 422  # the name is taken


def test_retroformer_without_an_adapter_is_refused(api: Api) -> None:
    task_set = played_experiment().task_set
    body = {"name": "by program", "source": "played", "task_set": task_set.name}

    refused = api.post("/experiments", body | {"method": "retroformer"})

    assert refused.status_code == 422
    assert "name an adapter, or choose reflexion" in str(refused.json())
    assert not Experiment.objects.filter(name="by program").exists()


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
