"""The task page, the episode page, the whole step, and the list of reflections."""

import json

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.pages import text
from tests.webapp.played import client_of, long_episode, new_experiment, played_experiment
from webapp.episodes.models import Episode, Step
from webapp.experiments.models import Experiment, ExperimentTask

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def experiment() -> Experiment:
    return played_experiment()


def partial(client: Client, path: str, target: str) -> HttpResponse:
    return client.get(path, headers={"HX-Request": "true", "HX-Target": target})


def episode_of(key: str, trial: int) -> Episode:
    return Episode.objects.get(task__key=key, trial=trial)


def address(key: str, trial: int = 1) -> str:
    return f"/episodes/{episode_of(key, trial).pk}/"


def task_address(experiment: Experiment, position: int) -> str:
    row = ExperimentTask.objects.get(experiment=experiment, position=position)
    return f"/experiments/{experiment.pk}/tasks/{row.task_id}/"


def test_the_task_page_puts_the_reflection_between_its_trials(
    viewer: Client, experiment: Experiment
) -> None:
    page = text(viewer.get(task_address(experiment, 1)))

    reflection = page.index("I opened the wrong door in trial 1.")
    assert page.index('id="trial-1"') < reflection < page.index('id="trial-2"')
    assert "+0.75" in page
    assert "solved in trial 2" in page


def test_the_task_page_leads_to_its_neighbours(viewer: Client, experiment: Experiment) -> None:
    page = text(viewer.get(task_address(experiment, 1)))

    assert f'data-key="{{" href="{task_address(experiment, 0)}"' in page
    assert f'data-key="}}" href="{task_address(experiment, 2)}"' in page


def test_a_task_that_was_not_played_says_so(viewer: Client) -> None:
    experiment = new_experiment()

    assert "Not yet played" in text(viewer.get(task_address(experiment, 0)))


def test_the_task_page_is_read_in_a_few_queries(
    viewer: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    path = task_address(experiment, 2)

    with django_assert_max_num_queries(10):
        viewer.get(path)


def test_the_episode_page_shows_each_step_with_a_permanent_link(
    viewer: Client, experiment: Experiment
) -> None:
    page = text(viewer.get(address("doors-1")))

    assert 'id="step-1"' in page
    assert 'href="#step-2"' in page
    assert "Which one?" in page
    assert "no effect" in page
    assert "+0.25" in page
    assert "step cap" in page


def test_the_episode_page_shows_what_the_actor_had_read(
    viewer: Client, experiment: Experiment
) -> None:
    page = text(viewer.get(address("doors-1", trial=2)))

    assert "What the actor had read" in page
    assert "I opened the wrong door in trial 1." in page
    assert f'data-key="[" href="{address("doors-1")}"' in page


def test_the_episode_page_is_read_in_a_few_queries(
    viewer: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    path = address("doors-2")

    with django_assert_max_num_queries(13):
        viewer.get(path)


def test_a_long_episode_comes_in_windows(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    long_episode(row, steps=130)
    path = address("doors-0")

    first = text(viewer.get(path))
    more = text(partial(viewer, f"{path}?from=50", "more-50"))

    assert 'id="step-50"' in first
    assert 'id="step-51"' not in first
    assert 'id="step-51"' in more
    assert 'id="more-100"' in more
    assert "<html" not in more


def test_an_episode_of_two_thousand_steps_opens_within_100_kib(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    long_episode(row, steps=2000, observation="A wall. " * 100)

    assert len(viewer.get(address("doors-0")).content) < 100 * 1024


def test_a_long_text_is_cut_and_opened_in_place(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    long_episode(row, steps=1, observation="wall " * 200)
    path = address("doors-0")

    page = text(viewer.get(path))
    whole = text(partial(viewer, f"{path}steps/1/", "text-1"))

    assert "Show 400 more characters" in page
    assert whole.count("wall") == 200
    assert "<html" not in whole


def test_the_prompt_of_a_step_is_the_one_that_was_sent(
    viewer: Client, experiment: Experiment
) -> None:
    sent = text(partial(viewer, f"{address('doors-1')}steps/2/", "sent-2"))

    assert "You see three doors." in sent
    assert "open red" in sent
    assert "equals the digest" in sent


def test_a_prompt_that_differs_from_its_digest_is_not_shown_as_sent(
    viewer: Client, experiment: Experiment
) -> None:
    Step.objects.filter(index=0).update(observation="A forged wall.")

    sent = text(partial(viewer, f"{address('doors-1')}steps/2/", "sent-2"))

    assert "differs from what was sent" in sent
    assert "A forged wall." not in sent


def test_a_key_is_listed_once(viewer: Client, experiment: Experiment) -> None:
    page = text(viewer.get(address("doors-1")))

    assert page.count("<dt><kbd>/</kbd></dt>") == 1
    assert "<dd>Find in this episode" in page


def test_a_step_without_its_prompt_says_so(viewer: Client, experiment: Experiment) -> None:
    Step.objects.update(prompt_sha256="")

    assert "not recorded" in text(viewer.get(f"{address('doors-1')}steps/1/"))


def test_the_whole_step_is_a_page_of_its_own(viewer: Client, experiment: Experiment) -> None:
    page = text(viewer.get(f"{address('doors-1')}steps/1/"))

    assert "<html" in page
    assert "reply, as it came" in page


@pytest.mark.parametrize("number", ["0", "3", "99999999999999999999"])
def test_a_step_that_is_not_there_is_not_found(
    viewer: Client, experiment: Experiment, number: str
) -> None:
    assert viewer.get(f"{address('doors-1')}steps/{number}/").status_code == 404


def test_the_markdown_copy_reads_from_top_to_bottom(viewer: Client, experiment: Experiment) -> None:
    copied = viewer.get(f"{address('doors-1')}episode.md").content.decode()

    assert copied.startswith("# doors-1, trial 1\n")
    assert "Outcome: not solved, return 0.25, 2 steps" in copied
    assert copied.index("Action: `open red`") < copied.index("Action: `leave`")
    assert copied.endswith("I opened the wrong door in trial 1.\n")


def test_the_json_copy_has_the_fields_of_an_import(viewer: Client, experiment: Experiment) -> None:
    copied = json.loads(viewer.get(f"{address('doors-1')}episode.json").content)

    assert (copied["task_id"], copied["trial"], copied["episode_return"]) == ("doors-1", 1, 0.25)
    assert [step["action"] for step in copied["steps"]] == ["open red", "leave"]


@pytest.mark.parametrize(
    ("rating", "shown"), [("helped", 2), ("hurt", 0), ("unrated", 0), ("nonsense", 2), ("", 2)]
)
def test_reflections_are_filtered_by_rating(
    viewer: Client, experiment: Experiment, rating: str, shown: int
) -> None:
    page = viewer.get("/reflections/", {"rating": rating, "experiment": experiment.pk})

    assert len(page.context["rows"]) == shown


def test_the_reflections_are_read_in_a_few_queries(
    viewer: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        viewer.get("/reflections/")


def test_reflections_of_another_experiment_stay_away(
    viewer: Client, experiment: Experiment
) -> None:
    page = viewer.get("/reflections/", {"experiment": experiment.pk + 1})

    assert "No reflection matches" in text(page)


PAGES = ["/episodes/1/", "/episodes/1/episode.md", "/episodes/1/steps/1/", "/reflections/"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("path", PAGES)
def test_someone_without_a_role_is_refused(path: str) -> None:
    assert client_of("").get(path).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_a_post_is_refused(viewer: Client, path: str) -> None:
    assert viewer.post(path).status_code == 405
