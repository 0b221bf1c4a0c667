"""The task page: two trials beside each other, the reflection between them."""

import re
from dataclasses import replace

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from retro_core.types import Reflection
from tests.webapp.pages import text
from tests.webapp.played import client_of, episode, new_experiment, played_experiment
from webapp.episodes.models import Episode
from webapp.episodes.models import Reflection as StoredReflection
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import Experiment, ExperimentTask

pytestmark = pytest.mark.django_db

REFLECTION = "The red door was wrong. Next time I will open the blue door."


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def walk(row: ExperimentTask, trial: int, actions: list[str], reflection: str = "") -> None:
    """Record an unsolved trial of these actions, and a reflection after it."""
    whole = episode(row.task.key, trial, 0.0, steps=1)
    step = replace(whole.steps[0], invalid=False, prompt_sha256="")
    steps = [replace(step, action=action, observation=f"After {action}.") for action in actions]
    record_episode(row, replace(whole, steps=tuple(steps)))
    if reflection:
        written = Reflection(row.task.key, trial, "Why?", reflection)
        record_reflection(row, written, repeat_share=0.9)


@pytest.fixture
def row() -> ExperimentTask:
    """Trials 1 to 3: the second opens another door in step 2, the third goes on one step more."""
    experiment = new_experiment()
    Experiment.objects.filter(pk=experiment.pk).update(trials=20)
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    walk(row, 1, ["look", "open red door", "leave"], REFLECTION)
    walk(row, 2, ["look", "open blue door", "leave"], "The blue door was wrong. I will wait.")
    walk(row, 3, ["look", "open blue door", "leave", "wait"])
    return row


def address(row: ExperimentTask) -> str:
    return f"/experiments/{row.experiment_id}/tasks/{row.task_id}/"


def test_the_first_step_where_two_trials_part_is_named_and_linked(
    viewer: Client, row: ExperimentTask
) -> None:
    page = text(viewer.get(address(row)))

    assert 'href="#pair-2">They part at step 2' in page
    assert "trial 1: <code>open red door</code>" in page
    assert "trial 2: <code>open blue door</code>" in page
    assert page.index('id="parting"') < page.index('id="pair-2"') < page.index('id="pair-3"')
    assert "2 steps alike" in page


def test_a_sentence_is_linked_to_the_step_that_followed_it(
    viewer: Client, row: ExperimentTask
) -> None:
    page = text(viewer.get(address(row)))
    second = Episode.objects.get(trial=2)

    followed = f'href="/episodes/{second.pk}/#step-2" title="open blue door">2</a>'
    assert page.index("Next time I will open the blue door.") < page.index(followed)
    assert 'href="#line-2">follows “Next time I will open the blue door.”' in page


def test_the_steps_of_a_line_stand_in_that_line(viewer: Client, row: ExperimentTask) -> None:
    plan = "1. Open the blue door.\n2. Go home."
    StoredReflection.objects.filter(episode__trial=1).update(text=plan)

    page = viewer.get(address(row)).content.decode()

    shown = re.sub(r"<[^>]+>", "", page)
    assert "1. Open the blue door.Line 1 was followed by step → 2\n2. Go home." in shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?from=2&to=3", (2, 3)),
        ("?from=3&to=1", (1, 3)),
        ("?from=1&to=1", (1, 2)),
        ("?from=1&to=99", (1, 2)),
        ("?from=x&to=%00", (1, 2)),
    ],
)
def test_any_two_trials_can_be_chosen(
    viewer: Client, row: ExperimentTask, query: str, shown: tuple[int, int]
) -> None:
    pair = viewer.get(address(row) + query).context["pair"]

    assert (pair.before.episode.trial, pair.after.episode.trial) == shown


def test_keys_lead_to_the_pairs_beside(viewer: Client, row: ExperimentTask) -> None:
    first = text(viewer.get(address(row)))
    second = text(viewer.get(address(row) + "?from=2&to=3"))

    assert 'data-key="]" href="?from=2&amp;to=3"' in first
    assert 'data-key="["' not in first
    assert 'data-key="[" href="?from=1&amp;to=2"' in second
    assert 'data-key="]"' not in second


def test_the_later_trial_that_goes_on_parts_where_the_other_ended(
    viewer: Client, row: ExperimentTask
) -> None:
    page = text(viewer.get(address(row) + "?from=2&to=3"))

    assert "They part at step 4" in page
    assert "trial 2 had ended" in page


def test_the_pair_that_solved_the_task_is_shown_first(viewer: Client, row: ExperimentTask) -> None:
    record_episode(row, episode("doors-0", 4, 1.0))

    pair = viewer.get(address(row)).context["pair"]

    assert (pair.before.episode.trial, pair.after.episode.trial) == (3, 4)


def test_two_reflections_are_compared_word_by_word(viewer: Client, row: ExperimentTask) -> None:
    page = text(viewer.get(address(row)))

    assert "The <del>red </del><ins>blue </ins>door was wrong." in page.replace(" >", ">")


def test_each_rating_is_shown_with_where_it_comes_from(viewer: Client, row: ExperimentTask) -> None:
    chosen, other = (
        {"text": REFLECTION, "seed": 1, "score": 0.75},
        {"text": "No.", "seed": 2, "score": -0.5},
    )
    StoredReflection.objects.filter(episode__trial=1).update(
        automatic_rating=0.25, human_rating=-0.5, effective_rating=-0.5, candidates=[chosen, other]
    )

    bridge = viewer.get(address(row)).context["pair"].bridges[0]

    assert [(rated.name, rated.value) for rated in bridge.ratings] == [
        ("effective", "\N{MINUS SIGN}0.50"),
        ("automatic", "+0.25"),
        ("by people", "\N{MINUS SIGN}0.50"),
        ("reward model, best of 2", "+0.75"),
    ]


def test_equal_steps_of_long_trials_are_folded(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    same = [f"go to shelf {number}" for number in range(30)]
    walk(row, 1, [*same, "open red door"])
    walk(row, 2, [*same, "open blue door"])

    response = viewer.get(address(row))

    # Two are shown at each end of the thirty.
    assert [len(stretch.rows) for stretch in response.context["pair"].stretches] == [2, 26, 2, 1]
    assert "26 more steps alike" in text(response)
    assert "They part at step 31" in text(response)


def test_the_same_task_in_other_experiments_is_linked(viewer: Client, row: ExperimentTask) -> None:
    other = played_experiment("other doors")
    archived = played_experiment("archived doors")
    Experiment.objects.filter(pk=archived.pk).update(archived_at=archived.created_at)

    page = text(viewer.get(address(row)))

    assert f'href="/experiments/{other.pk}/tasks/{row.task_id}/">other doors</a>' in page
    assert "solved in trial 1" in page
    assert "archived doors" not in page


def test_one_trial_stands_alone(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    walk(row, 1, ["look"], REFLECTION)

    page = text(viewer.get(address(row)))

    assert 'id="trial-1"' in page
    assert REFLECTION in page
    assert "They part" not in page


def test_twenty_trials_are_read_in_as_few_queries_as_three(
    viewer: Client, row: ExperimentTask, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for trial in range(4, 21):
        walk(row, trial, ["look", f"open door {trial}"], f"Door {trial} was wrong.")

    with django_assert_max_num_queries(10):
        page = viewer.get(address(row) + "?from=1&to=20")

    assert len(page.context["stops"]) == 20
    assert len(page.context["pair"].bridges) == 3
