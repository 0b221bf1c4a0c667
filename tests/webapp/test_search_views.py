"""Search over steps, reflections and comments, with real rows and PostgreSQL's full-text index."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from retro_core.types import Episode as CoreEpisode
from retro_core.types import Step as CoreStep
from tests.webapp.pages import text
from tests.webapp.played import client_of, new_experiment, played_experiment
from webapp.annotation.models import Comment
from webapp.episodes.models import Episode, Reflection, Step
from webapp.episodes.services import record_episode
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db
PAGE = "/search/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def played_steps(*steps: CoreStep, name: str = "rooms", success: bool = False) -> Experiment:
    experiment = new_experiment(name)
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    record_episode(
        row, CoreEpisode(row.task.key, 1, 1, (), steps, success, success, not success, "")
    )
    return experiment


def step(action: str, observation: str = "", thought: str = "") -> CoreStep:
    return CoreStep(thought=thought, action=action, observation=observation, reward=0.0)


def found_steps(client: Client, **query: object) -> list[int]:
    """Numbers of the steps on the page, in their order."""
    page = client.get(PAGE, query).content.decode()
    return [int(number) for number in re.findall(r'row-link" href="[^"]*#step-(\d+)"', page)]


def test_a_word_is_found_in_each_text_of_a_step_newest_first(viewer: Client) -> None:
    played_steps(step("open door", "A mug."), step("take mug"), step("go", thought="The mug?"))

    assert found_steps(viewer, q="mug") == [3, 2, 1]


def test_a_scope_keeps_to_one_text(viewer: Client) -> None:
    played_steps(step("open door", "A mug."), step("take mug"), step("go", thought="The mug?"))

    assert found_steps(viewer, q="mug", scope="observation") == [1]
    assert found_steps(viewer, q="mug", scope="action") == [2]
    assert found_steps(viewer, q="mug", scope="thought") == [3]


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("search[Red", [1]),
        ('"red mug"', [1]),
        ('"mug red"', []),
        ("cabinet 12", [2]),
        ("cab*", [2]),
        ("red -lamp", [1]),
        ("Łódź", [3]),
        ("shelf", [2]),
        ("b07xyz", [3]),
        ("the", [3, 2]),
    ],
)
def test_what_agents_write_is_found(viewer: Client, q: str, numbers: list[int]) -> None:
    played_steps(
        step("search[Red mug]"),
        step("go to cabinet 12", "On the shelf.You see a red lamp."),
        step("click[B07XYZ]", "It is in the city of łódź."),
    )

    assert found_steps(viewer, q=q) == numbers


def test_a_hit_links_to_its_step_and_marks_the_word_safely(viewer: Client) -> None:
    played_steps(step("look", "<script>mug</script>"))
    episode = Episode.objects.get()

    page = text(viewer.get(PAGE, {"q": "mug"}))

    assert f'href="/episodes/{episode.pk}/#step-1"' in page
    assert "&lt;script&gt;<mark>mug</mark>&lt;/script&gt;" in page
    assert "1 match in 1 episode." in page


def test_facets_count_and_filters_narrow(viewer: Client) -> None:
    played_steps(step("take mug"), step("drop mug"), name="one")
    solved = played_steps(step("take mug"), name="two", success=True)

    page = text(viewer.get(PAGE, {"q": "mug"}))

    assert '<span class="truncate">not solved</span><span class="tabular muted">2</span>' in page
    assert '<span class="truncate">two</span><span class="tabular muted">1</span>' in page
    assert found_steps(viewer, q="mug", outcome="unsolved") == [2, 1]
    assert found_steps(viewer, q="mug", experiment=solved.pk) == [1]
    assert found_steps(viewer, q="mug", method="react") == []
    assert "outcome: solved" in text(viewer.get(PAGE, {"q": "mug", "outcome": "solved"}))


def test_best_puts_a_step_about_the_word_first(viewer: Client) -> None:
    played_steps(step("take mug", "mug mug mug"), step("look", "a mug and many other things"))

    assert found_steps(viewer, q="mug", order="best") == [1, 2]


def test_the_pages_join_without_gap_or_repeat(viewer: Client) -> None:
    played_steps(*[step("take mug")] * 45)
    first = text(viewer.get(PAGE, {"q": "mug"}))
    oldest = Step.objects.order_by("-pk")[19].pk

    second = found_steps(viewer, q="mug", before=oldest)
    newer = found_steps(viewer, q="mug", after=Step.objects.order_by("-pk")[20].pk)

    assert f"before={oldest}" in first
    assert second == list(range(25, 5, -1))
    assert newer == list(range(45, 25, -1))
    assert found_steps(viewer, q="mug", order="best", skip=40) == [5, 4, 3, 2, 1]


def test_reflections_and_comments_are_found(viewer: Client) -> None:
    played_experiment()
    reflection = Reflection.objects.first()
    author = User.objects.create_user("ann")
    Comment.objects.create(reflection=reflection, author=author, text="A clumsy plan.")
    Comment.objects.create(experiment=Experiment.objects.get(), author=author, text="Clumsy all.")
    Comment.objects.create(step=Step.objects.first(), author=author, text="So clumsy.")

    reflections = text(viewer.get(PAGE, {"q": "wrong door", "scope": "reflections"}))
    comments = text(viewer.get(PAGE, {"q": "clumsy", "scope": "comments"}))

    assert "2 matches in 2 episodes." in reflections
    assert "#reflection" in reflections
    assert "3 matches in 2 episodes." in comments
    assert "Comment by ann" in comments


@pytest.mark.parametrize(
    "query",
    [
        {"q": "' & | ! <-> :*"},
        {"q": "\x00mug"},
        {"q": "x" * 400},
        {"q": "mug", "scope": "nowhere", "order": "odd", "experiment": "x", "before": "x"},
        {"q": "mug", "experiment": "9" * 30, "after": "9" * 30, "skip": "9" * 30},
        {"q": "mug", "order": "best", "skip": "9999999"},
        {"q": '"'},
    ],
)
def test_bad_input_is_answered(viewer: Client, query: dict[str, str]) -> None:
    assert viewer.get(PAGE, query).status_code == 200


def test_leaving_words_out_alone_says_what_is_missing(viewer: Client) -> None:
    assert "Ask for at least one word" in text(viewer.get(PAGE, {"q": "-mug"}))


def test_the_queries_are_few_however_many_hits(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    played_steps(*[step("take mug")] * 30)

    with django_assert_max_num_queries(10):
        viewer.get(PAGE, {"q": "mug"})


def test_the_partial_comes_alone(viewer: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "found"}

    page = text(viewer.get(PAGE, {"q": "mug"}, headers=headers))

    assert 'id="found"' in page
    assert "<html" not in page


def test_a_stranger_someone_without_a_role_and_a_post_are_refused(viewer: Client) -> None:
    assert Client().get(PAGE)["Location"].startswith("/sign-in/")
    assert client_of("").get(PAGE).status_code == 403
    assert viewer.post(PAGE).status_code == 405


def test_a_very_long_observation_is_stored_and_found_by_its_beginning(viewer: Client) -> None:
    played_steps(step("look", "mug " + " ".join(f"w{n}" for n in range(300_000))))

    assert found_steps(viewer, q="mug w1000") == [1]
