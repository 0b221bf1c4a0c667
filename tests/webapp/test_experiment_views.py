"""The list, the page, the actions and the exports of experiments."""

import csv
import io
import json

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.webapp.pages import text
from tests.webapp.played import client_of, new_experiment, played_experiment
from webapp.annotation.models import Comment
from webapp.experiments.models import Experiment

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
    assert '<a class="button" href="/data/import/">Import episodes</a>' in page


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


def test_the_page_leads_to_its_discussion_and_says_how_much_was_said(viewer: Client) -> None:
    experiment = played_experiment()
    author = User.objects.create_user("author")
    for words in ("First.", "Second."):
        Comment.objects.create(experiment=experiment, author=author, text=words)

    page = text(viewer.get(f"{LIST}{experiment.pk}/"))

    link = f'href="/annotation/discussions/experiment/{experiment.pk}/"'
    assert f'{link}>Discussion <span class="muted tabular">2</span></a>' in page


@pytest.mark.parametrize("part", ["live", "curve", "matrix", "reflections"])
def test_each_part_of_the_page_comes_alone(viewer: Client, part: str) -> None:
    experiment = played_experiment()

    found = text(partial(viewer, f"{LIST}{experiment.pk}/", part))

    assert f'id="{part}"' in found
    assert "<html" not in found


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
