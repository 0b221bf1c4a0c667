"""A running experiment on its page: polls carry only what is new, buttons act in their states."""

import json
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from retro_core.types import Task
from tests.webapp.pages import text
from tests.webapp.played import CONFIG, client_of, new_experiment, play, played_experiment
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.services import create_experiment
from webapp.tasks.services import save_task_set

pytestmark = pytest.mark.django_db
LIST = "/experiments/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def partial(client: Client, path: str, target: str) -> HttpResponse:
    return client.get(path, headers={"HX-Request": "true", "HX-Target": target})


def test_the_matrix_can_begin_with_the_tasks_solved_first(viewer: Client) -> None:
    experiment = new_experiment()
    row = experiment.experiment_tasks.select_related("task").get(task__key="doors-2")
    play(row, [1.0])

    page = text(viewer.get(f"{LIST}{experiment.pk}/", {"order": "solved"}))

    assert page.index("Leave by door 2.") < page.index("Leave by door 0.")


def live_experiment() -> Experiment:
    experiment = new_experiment()
    Experiment.objects.update(status=Experiment.Status.RUNNING)
    ExperimentTask.objects.filter(position=0).update(
        live_trial=1,
        live_step=3,
        live_action="open blue",
        lease_expires_at=timezone.now() + timedelta(minutes=1),
    )
    return experiment


def test_a_running_experiment_polls_and_shows_what_is_played(viewer: Client) -> None:
    experiment = live_experiment()

    page = text(viewer.get(f"{LIST}{experiment.pk}/"))

    assert 'hx-trigger="every 2s"' in page
    assert "open blue" in page
    assert "trial 1, step 3" in page
    assert 'class="cell playing"' in page


def test_a_poll_without_news_has_no_body(viewer: Client) -> None:
    experiment = live_experiment()
    path = f"{LIST}{experiment.pk}/"
    cursor = viewer.get(path).context["cursor"]

    quiet = partial(viewer, f"{path}?cursor={cursor}", "tick")
    ExperimentTask.objects.filter(position=0).update(live_step=4)
    moved = partial(viewer, f"{path}?cursor={cursor}", "tick")

    assert (quiet.status_code, quiet.content) == (204, b"")
    assert "step 4" in text(moved)
    assert 'id="facts"' not in text(moved)
    assert "HX-Trigger-After-Settle" not in moved.headers


def test_a_poll_after_a_new_episode_wakes_the_curve_and_brings_its_square(viewer: Client) -> None:
    experiment = live_experiment()
    path = f"{LIST}{experiment.pk}/"
    cursor = viewer.get(path).context["cursor"]
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    play(row, [1.0])
    episode = experiment.episodes.get()

    response = partial(viewer, f"{path}?cursor={cursor}", "tick")

    events = json.loads(response["HX-Trigger-After-Settle"])
    square = [row.task_id, 1, "solved", "Trial 1: solved, return 1.00", f"/episodes/{episode.pk}/"]
    assert events == {"episodes-recorded": "", "cells-changed": {"cells": [square]}}
    assert 'id="facts"' in text(response)


def test_a_poll_with_all_the_news_there_can_be_stays_below_two_kib(viewer: Client) -> None:
    tasks = [Task(f"long-{n}", "doors", "Leave & take " * 20) for n in range(12)]
    task_set = save_task_set("many", "doors", "train", tasks, source="by hand")
    experiment = create_experiment(name="many", task_set=task_set, config=CONFIG, owner=None)
    Experiment.objects.update(status=Experiment.Status.RUNNING)
    path = f"{LIST}{experiment.pk}/"
    cursor = viewer.get(path).context["cursor"]
    for row in experiment.experiment_tasks.select_related("task")[:6]:
        play(row, [1.0])
    playing = experiment.experiment_tasks.filter(position__gte=6)
    playing.update(live_trial=1, live_step=12, live_action="open <the> door " * 12)

    response = partial(viewer, f"{path}?cursor={cursor}", "tick")

    events = response["HX-Trigger-After-Settle"]
    assert len(json.loads(events)["cells-changed"]["cells"]) == 10
    assert len(response.content) <= 2048
    assert len(response.content) + len(events) <= 3072


def test_a_poll_after_a_change_of_state_brings_the_buttons_too(viewer: Client) -> None:
    experiment = live_experiment()
    path = f"{LIST}{experiment.pk}/"
    cursor = viewer.get(path).context["cursor"]
    Experiment.objects.update(status=Experiment.Status.PAUSED, status_message="Out of money.")

    response = partial(viewer, f"{path}?cursor={cursor}", "tick")

    assert response["HX-Retarget"] == "#live"
    assert "Out of money." in text(response)
    assert "every 2s" not in text(response)


@pytest.mark.parametrize(
    "cursor", ["", "x", "running-a-b-c-d", "running-1-2-3", "-----", "9" * 5000]
)
def test_a_poll_with_a_cursor_that_no_page_was_given_gets_everything(
    viewer: Client, cursor: str
) -> None:
    path = f"{LIST}{live_experiment().pk}/"

    response = partial(viewer, f"{path}?cursor={cursor}", "tick")

    assert (response.status_code, response["HX-Retarget"]) == (200, "#live")


def test_polling_stops_when_the_experiment_ended(viewer: Client) -> None:
    experiment = played_experiment()

    assert "every 2s" not in text(partial(viewer, f"{LIST}{experiment.pk}/?cursor=x", "tick"))


def test_starting_queues_a_draft(researcher: Client) -> None:
    experiment = new_experiment()

    response = researcher.post(f"{LIST}{experiment.pk}/do/start/")

    experiment.refresh_from_db()
    assert response["Location"] == f"{LIST}{experiment.pk}/"
    assert experiment.status == "queued"


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ("running", "pause", "paused"),
        ("paused", "resume", "queued"),
        ("running", "cancel", "cancelled"),
        ("finished", "start", "finished"),
    ],
)
def test_an_action_applies_only_in_its_states(
    researcher: Client, before: str, action: str, after: str
) -> None:
    experiment = new_experiment()
    Experiment.objects.update(status=before)

    researcher.post(f"{LIST}{experiment.pk}/do/{action}/")

    experiment.refresh_from_db()
    assert experiment.status == after


def test_an_action_that_does_not_apply_says_so(researcher: Client) -> None:
    experiment = played_experiment()

    page = researcher.post(f"{LIST}{experiment.pk}/do/start/", follow=True)

    assert "start does not apply while it is finished" in text(page)
