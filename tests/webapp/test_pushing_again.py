"""An episode that a crashed agent left open is begun again; numbers at the edge of what fits."""

from typing import Any

import pytest

from tests.webapp.api_program import STEPS, Api, opened, push
from webapp.api.models import OpenEpisode, OpenStep
from webapp.api.schemas import MOST_STEPS
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import Experiment, ExperimentTask

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
PLACE = {"task_id": "d1", "trial": 1}
MOST = 2**31 - 1


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def path(api: Api) -> str:
    """An agent has crashed after the first step of an episode."""
    path = opened(api)
    api.post(f"{path}/episodes", PLACE)
    send(api, path, 0, STEPS[:1])
    return path


def send(api: Api, path: str, first: int, steps: list[dict[str, Any]]) -> int:
    told = api.post(f"{path}/steps", PLACE | {"first_index": first, "steps": steps})
    return int(told.status_code)


def begin(api: Api, path: str, **more: Any) -> bool:
    told = api.post(f"{path}/episodes", PLACE | more)
    assert told.status_code == 200, told.json()
    return bool(told.json()["is_new"])


def test_an_episode_that_was_left_open_is_begun_again(api: Api, path: str) -> None:
    other = [{"action": "open blue"}, *STEPS]

    refused = (begin(api, path), send(api, path, 0, other))
    begun = (begin(api, path, restart=True), send(api, path, 0, other))

    assert (refused, begun) == ((False, 409), (True, 200))
    ended = api.post(f"{path}/end", PLACE | {"success": True, "steps_count": 3})
    assert ended.status_code == 200, ended.json()
    actions = list(Episode.objects.get().steps.values_list("action", flat=True))
    assert actions == ["open blue", "open red", "leave"]


def test_an_episode_that_is_begun_again_shows_from_its_start(api: Api, path: str) -> None:
    begin(api, path, restart=True)

    row = ExperimentTask.objects.get()
    assert (row.live_trial, row.live_step, row.live_action) == (1, 0, "")
    assert not OpenStep.objects.exists()
    assert Experiment.objects.get().tasks_total == 1


def test_beginning_again_without_steps_or_without_an_episode_is_harmless(
    api: Api, path: str
) -> None:
    told = [begin(api, path, restart=True) for _ in range(2)]
    other = begin(api, path, trial=2, restart=True)

    assert (told, other) == ([True, False], True)
    assert OpenEpisode.objects.count() == 2


def test_a_recorded_episode_is_not_begun_again(api: Api) -> None:
    path = opened(api)
    push(api, path, "d1", 1, 0.5)

    assert begin(api, path, restart=True) is False

    assert Episode.objects.get().steps.count() == 2
    assert not OpenEpisode.objects.exists()


def test_a_step_beyond_what_the_page_can_show_is_taken(api: Api, path: str) -> None:
    assert send(api, path, 32767, STEPS[:1]) == 200

    assert ExperimentTask.objects.get().live_step == 32767
    assert list(OpenStep.objects.values_list("index", flat=True)) == [0, 32767]


@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_steps_with_more_tokens_than_fit_are_refused_at_the_end(
    api: Api, path: str, name: str
) -> None:
    send(api, path, 1, [{"action": "look", name: MOST}] * 2)

    refused = api.post(f"{path}/end", PLACE | {"success": False, "steps_count": 3})

    assert refused.status_code == 422
    assert f"{name} of all steps add up to more than {MOST}" in str(refused.json())
    assert not Episode.objects.exists()
    assert OpenEpisode.objects.exists()


def test_as_many_tokens_as_fit_are_recorded(api: Api, path: str) -> None:
    send(api, path, 1, [{"action": "look", "prompt_tokens": MOST, "completion_tokens": MOST}])

    ended = api.post(f"{path}/end", PLACE | {"success": False, "steps_count": 2})

    assert ended.status_code == 200, ended.json()
    stored = Episode.objects.get()
    assert (stored.prompt_tokens, stored.completion_tokens) == (MOST, MOST)


def test_no_more_steps_are_told_than_can_be_sent(api: Api, path: str) -> None:
    end = PLACE | {"success": False, "steps_count": MOST_STEPS + 1}

    assert api.post(f"{path}/end", end).status_code == 422


def test_the_last_trial_that_fits_is_recorded_with_its_reflection(api: Api) -> None:
    path = opened(api)
    push(api, path, "d1", 32767, 0.25)

    written = {"task_id": "d1", "trial": 32767, "text": "Try blue."}
    told = api.post(f"{path}/reflections", written)

    assert told.status_code == 200, told.json()
    assert Reflection.objects.get().automatic_rating is None
