"""Reading an episode: filters, finding, notes, and where its keys lead."""

from dataclasses import replace

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.webapp.pages import text
from tests.webapp.played import client_of, episode, new_experiment, played_experiment
from webapp.annotation.models import Comment
from webapp.episodes.models import Episode, Step, StepTag
from webapp.episodes.services import record_episode
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def walked() -> Episode:
    """120 steps: every tenth without effect, 12 and 13 alike, 30 rewarded, a ghost in 7 and 90."""
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    whole = episode("doors-0", 1, 0.0, steps=1)
    step = replace(whole.steps[0], thought="", prompt_sha256="", reply="", invalid=False)
    steps = [
        replace(
            step,
            action="wait" if number in (12, 13) else f"go to <door> {number}",
            observation="A GHOST!" if number in (7, 90) else "A wall.",
            invalid=number % 10 == 0,
            reward=0.5 if number == 30 else 0.0,
        )
        for number in range(1, 121)
    ]
    record_episode(row, replace(whole, steps=tuple(steps)))
    return Episode.objects.get()


def numbers(response: HttpResponse) -> list[int]:
    return [step.number for step in response.context["steps"]]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?show=errors", list(range(10, 121, 10))),
        ("?show=repeated", [13]),
        ("?show=rewarded", [30]),
        ("?show=dropped", []),
        ("?show=noted", []),
        ("?show=found&q=ghost", [7, 90]),
        ("?show=found", list(range(1, 51))),
        ("?show=nonsense&from=100", list(range(101, 121))),
        ("?show=errors&from=95&keep=97", [97, 100, 110, 120]),
    ],
)
def test_steps_are_filtered_by_kind(
    viewer: Client, walked: Episode, query: str, shown: list[int]
) -> None:
    assert numbers(viewer.get(f"/episodes/{walked.pk}/{query}")) == shown


def test_the_filters_tell_how_many_steps_they_show(viewer: Client, walked: Episode) -> None:
    filters = viewer.get(f"/episodes/{walked.pk}/?q=ghost").context["map"].filters

    counts = {one.words: one.count for one in filters}
    assert counts == {
        "All": "",
        "Only actions": "",
        "No effect": "12",
        "Repeated": "1",
        "Rewarded": "1",
        "Context full": "0",
        "Noted": "0",
        "Found": "2",
    }


def test_what_is_found_is_marked_and_its_steps_are_known_to_the_keys(
    viewer: Client, walked: Episode
) -> None:
    page = text(viewer.get(f"/episodes/{walked.pk}/?q=ghost"))

    assert "A <mark>GHOST</mark>!" in page
    assert 'data-found="7 90"' in page
    assert "2 steps" in page


def test_what_is_searched_for_is_never_markup(viewer: Client, walked: Episode) -> None:
    page = text(viewer.get(f"/episodes/{walked.pk}/", {"q": "<door>"}))

    assert "go to <mark>&lt;door&gt;</mark> 1" in page
    assert "<door>" not in page


@pytest.mark.parametrize("words", ["%", "_", "\\", "\0", "İ", "x" * 500])
def test_odd_words_find_nothing_or_what_they_say(
    viewer: Client, walked: Episode, words: str
) -> None:
    assert viewer.get(f"/episodes/{walked.pk}/", {"q": words}).context["found"] == []


def test_a_step_number_goes_to_its_step(viewer: Client, walked: Episode) -> None:
    answer = viewer.get(f"/episodes/{walked.pk}/", {"q": "#77"})

    assert answer["Location"] == f"/episodes/{walked.pk}/?from=50#step-77"


def test_words_beyond_the_cut_are_told(viewer: Client) -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    whole = episode("doors-0", 1, 0.0, steps=1)
    hidden = replace(whole.steps[0], observation="wall " * 300 + "a ghost")
    record_episode(row, replace(whole, steps=(hidden,)))

    page = text(viewer.get(f"/episodes/{Episode.objects.get().pk}/?q=ghost"))

    assert "found in the text left out" in page


def test_the_map_marks_what_is_special(viewer: Client, walked: Episode) -> None:
    cells = viewer.get(f"/episodes/{walked.pk}/?q=ghost").context["map"].cells

    # 120 steps in cells of two: steps 9 and 10 in the fifth, 29 and 30 in the fifteenth.
    assert len(cells) == 60
    assert (cells[4].kind, cells[4].words) == ("invalid", "errors")
    assert (cells[14].kind, cells[14].words) == ("rewarded", "errors, rewarded")
    assert (cells[3].kind, cells[44].kind) == ("has-found", "invalid has-found")


def test_the_end_says_why(viewer: Client, walked: Episode) -> None:
    page = text(viewer.get(f"/episodes/{walked.pk}/?from=100"))

    assert "stopped: step cap" in page
    assert "after 120 steps" in page


def test_keys_lead_to_the_tasks_beside(viewer: Client) -> None:
    played_experiment()
    middle = Episode.objects.get(task__key="doors-1", trial=2)
    before = Episode.objects.get(task__key="doors-0", trial=1)
    after = Episode.objects.get(task__key="doors-2", trial=2)

    page = text(viewer.get(f"/episodes/{middle.pk}/"))

    assert f'data-key="{{" href="/episodes/{before.pk}/"' in page
    assert f'data-key="}}" href="/episodes/{after.pk}/"' in page


def test_a_tag_is_put_on_a_step_and_taken_away(walked: Episode) -> None:
    annotator = client_of("annotator")
    step = f"/episodes/{walked.pk}/steps/77/"

    answer = annotator.post(f"{step}tag/", {"name": "  Wrong   ROOM! "})
    annotator.post(f"{step}tag/", {"name": "wrong room"})

    assert answer["Location"] == f"/episodes/{walked.pk}/?from=50#step-77"
    assert StepTag.objects.values_list("name", "step__index", "episode").get() == (
        "wrong room",
        76,
        walked.pk,
    )
    assert numbers(annotator.get(f"/episodes/{walked.pk}/?show=noted")) == [77]
    assert "wrong room" in text(annotator.get(f"/episodes/{walked.pk}/?from=50"))
    annotator.post(f"{step}untag/", {"name": "wrong room"})
    assert not StepTag.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "!!!", "x" * 41, "\0"])
def test_a_tag_that_is_none_is_refused_with_a_message(walked: Episode, name: str) -> None:
    answer = client_of("annotator").post(
        f"/episodes/{walked.pk}/steps/1/tag/", {"name": name}, follow=True
    )

    assert "A tag has 1 to 40 letters" in text(answer)
    assert not StepTag.objects.exists()


def test_only_annotators_tag(viewer: Client, walked: Episode) -> None:
    for act in ("tag", "untag"):
        path = f"/episodes/{walked.pk}/steps/1/{act}/"
        assert viewer.post(path, {"name": "x"}).status_code == 403
        assert viewer.get(path).status_code == 405


def test_a_comment_stands_at_its_step_with_author_and_time(walked: Episode) -> None:
    annotator = client_of("annotator")
    step = Step.objects.get(index=6)
    notes = text(
        annotator.get(
            f"/episodes/{walked.pk}/steps/7/",
            headers={"HX-Request": "true", "HX-Target": "notes-7"},
        )
    )
    assert f'action="/annotation/discussions/step/{step.pk}/add/"' in notes
    assert "<html" not in notes

    answer = annotator.post(
        f"/annotation/discussions/step/{step.pk}/add/",
        {"text": "Here it sees a ghost.", "next": f"/episodes/{walked.pk}/#step-7"},
    )

    assert answer["Location"] == f"/episodes/{walked.pk}/#step-7"
    page = text(annotator.get(f"/episodes/{walked.pk}/"))
    assert page.index('id="step-7"') < page.index("Here it sees a ghost.") < page.index("step-8")
    line = page[page.index(f"{Comment.objects.get().author}, <a href=") :]
    assert line.index('#step-7"') < line.index("<time")


def test_an_episode_without_steps_has_no_filters(viewer: Client) -> None:
    experiment = new_experiment()
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    record_episode(row, replace(episode("doors-0", 1, 1.0), steps=()))

    page = text(viewer.get(f"/episodes/{Episode.objects.get().pk}/"))

    assert "No steps were recorded" in page
    assert "Only actions" not in page
    assert Experiment.objects.get().steps_count == 0
