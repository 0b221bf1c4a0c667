"""The list, the page, the actions and the exports of experiments."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from retro_core.types import Task
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


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def test_home_leads_to_the_experiments(viewer: Client) -> None:
    assert viewer.get("/")["Location"] == LIST


def test_the_list_shows_success_by_trial_and_progress(viewer: Client) -> None:
    played_experiment()

    page = text(viewer.get(LIST))

    assert "33 % → <b>67 %</b>" in page
    assert "3 of 3" in page


def test_an_empty_list_says_what_to_do(researcher: Client) -> None:
    page = text(researcher.get(LIST))

    assert "No experiments yet" in page
    assert "Import episodes" in page


def test_filters_narrow_the_list_and_stay_in_the_address(viewer: Client) -> None:
    played_experiment("green doors")
    new_experiment("blue doors")

    by_name = text(viewer.get(LIST, {"q": "GREEN"}))
    by_status = text(viewer.get(LIST, {"status": "draft", "method": "reflexion"}))

    assert "green doors" in by_name
    assert "blue doors" not in by_name
    assert "blue doors" in by_status
    assert "green doors</a>" not in by_status


def test_the_second_page_goes_on_where_the_first_ended(viewer: Client) -> None:
    made = new_experiment("number 0")
    for number in range(1, 27):
        Experiment.objects.create(name=f"number {number}", task_set=made.task_set, method="react")
    oldest_shown = Experiment.objects.order_by("-pk")[24]

    first = viewer.get(LIST)
    second = text(viewer.get(LIST, {"before": oldest_shown.pk}))

    assert f"before={oldest_shown.pk}" in text(first)
    assert "number 1<" in second
    assert "number 2<" not in second
    assert "Newer" in second


def test_an_archived_experiment_is_off_the_list(viewer: Client) -> None:
    new_experiment("old doors")
    Experiment.objects.update(archived_at=timezone.now())

    assert "old doors" not in text(viewer.get(LIST))


def test_the_list_is_read_in_a_few_queries_however_long(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        played_experiment(f"doors {number}")

    with django_assert_max_num_queries(8):
        viewer.get(LIST)


def test_the_list_partial_leaves_out_the_page_around(viewer: Client) -> None:
    played_experiment()

    response = partial(viewer, LIST, "experiments")

    assert "<html" not in text(response)
    assert 'id="experiments"' in text(response)
    assert "HX-Target" in response["Vary"]


def test_the_back_button_gets_the_whole_page(viewer: Client) -> None:
    headers = {
        "HX-Request": "true",
        "HX-Target": "experiments",
        "HX-History-Restore-Request": "true",
    }

    assert "<html" in text(viewer.get(LIST, headers=headers))


def test_the_page_shows_the_curve_the_matrix_and_the_reflections(viewer: Client) -> None:
    experiment = played_experiment()

    page = text(viewer.get(f"{LIST}{experiment.pk}/"))

    assert "<b>66.67</b>" in page
    assert "<b>0.833</b>" in page
    assert page.count('class="cell solved" href') == 2
    assert page.count('class="cell r1" href') == 1
    assert page.count('class="cell r0" href') == 1
    assert "+0.75" in page
    assert "+0.50" in page


def test_the_page_is_read_in_a_bounded_number_of_queries(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    experiment = played_experiment()

    with django_assert_max_num_queries(15):
        viewer.get(f"{LIST}{experiment.pk}/")


@pytest.mark.parametrize("part", ["live", "curve", "matrix", "reflections"])
def test_each_part_of_the_page_comes_alone(viewer: Client, part: str) -> None:
    experiment = played_experiment()

    found = text(partial(viewer, f"{LIST}{experiment.pk}/", part))

    assert f'id="{part}"' in found
    assert "<html" not in found


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


def test_a_viewer_may_not_start_and_sees_no_button(viewer: Client) -> None:
    experiment = new_experiment()

    assert viewer.post(f"{LIST}{experiment.pk}/do/start/").status_code == 403
    assert "/do/start/" not in text(viewer.get(f"{LIST}{experiment.pk}/"))


def test_an_unknown_action_is_not_found(researcher: Client) -> None:
    assert researcher.post(f"{LIST}{new_experiment().pk}/do/explode/").status_code == 404


def test_the_curve_as_csv_holds_the_numbers_of_the_page(viewer: Client) -> None:
    experiment = played_experiment()

    response = viewer.get(f"{LIST}{experiment.pk}/curve.csv")

    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [row["success"] for row in rows] == ["0.333333", "0.666667"]
    assert [row["episodes"] for row in rows] == ["3", "2"]
    assert [row["mean_return"] for row in rows] == ["0.416667", "0.833333"]


def test_the_json_export_holds_every_outcome(viewer: Client) -> None:
    experiment = played_experiment()

    exported = json.loads(viewer.get(f"{LIST}{experiment.pk}/experiment.json").content)

    assert exported["config"]["trials"] == 2
    assert [(e["task__key"], e["episode_return"]) for e in exported["episodes"]] == [
        ("doors-0", 1.0),
        ("doors-1", 0.25),
        ("doors-1", 1.0),
        ("doors-2", 0.0),
        ("doors-2", 0.5),
    ]


PAGES = ["", "new/", "1/", "1/curve.csv", "1/experiment.json", "1/tasks/1/"]


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_sent_to_sign_in(client: Client, page: str) -> None:
    response = client.get(f"{LIST}{page}")

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("page", PAGES)
def test_someone_without_a_role_is_refused(page: str) -> None:
    assert client_of("").get(f"{LIST}{page}").status_code == 403


@pytest.mark.parametrize("page", ["", "1/", "1/curve.csv", "1/experiment.json", "1/tasks/1/"])
def test_pages_that_only_show_refuse_a_post(viewer: Client, page: str) -> None:
    assert viewer.post(f"{LIST}{page}").status_code == 405


def test_an_action_refuses_a_get(researcher: Client) -> None:
    assert researcher.get(f"{LIST}1/do/start/").status_code == 405


def test_the_environments_to_filter_by_are_counted(viewer: Client) -> None:
    new_experiment("one")
    new_experiment("two")

    assert '<option value="doors">doors (2)</option>' in text(viewer.get(LIST))
