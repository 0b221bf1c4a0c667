"""The failure atlas, the list of episodes behind its numbers, and reflections by rating."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.webapp.annotated import reflections
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp.episodes.failures import KINDS
from webapp.episodes.models import Episode, Reflection, Step, StepTag
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def experiment() -> Experiment:
    return played_experiment()


def test_the_atlas_counts_by_trial(viewer: Client, experiment: Experiment) -> None:
    atlas = viewer.get("/atlas/").context["atlas"]

    # By hand, see the counts by trial: 3 + 2 episodes, 2 + 1 unsolved, all with an idle step.
    assert atlas.everything.episodes.count == "5"
    assert [cell.count for cell in atlas.everything.cells] == list("35003000")
    (by_trial,) = atlas.tables
    assert [(line.name, line.episodes.count) for line in by_trial.lines] == [("1", "3"), ("2", "2")]
    assert by_trial.lines[0].cells[0].share == "67 %"


def test_every_number_of_the_atlas_opens_as_many_episodes(
    viewer: Client, experiment: Experiment
) -> None:
    other = played_experiment("other doors")
    Experiment.objects.filter(pk=other.pk).update(method="react", environment="halls")
    Episode.objects.filter(experiment=other, trial=1).update(reflection_repeats=True)
    hidden = played_experiment("archived doors")
    Experiment.objects.filter(pk=hidden.pk).update(archived_at=timezone.now())
    page = viewer.get("/atlas/").content.decode()

    links = re.findall(r'href="(/episodes/[^"]*)">([\d,]+)<', page)

    assert len(links) > 20
    for address, count in links:
        rows = viewer.get(address.replace("&amp;", "&")).context["rows"]
        assert (address, len(rows)) == (address, int(count))


@pytest.mark.parametrize(
    "query", ["?method=react", "?environment=x", "?trial=9", "?experiment=999999", "?task_type=x"]
)
def test_a_scope_without_episodes_says_so(
    viewer: Client, experiment: Experiment, query: str
) -> None:
    assert "No episode matches" in text(viewer.get(f"/atlas/{query}"))
    assert "No episode matches" in text(viewer.get(f"/episodes/{query}"))


@pytest.mark.parametrize(
    ("query", "episodes"),
    [
        ("", 5),
        ("&method=reflexion&environment=doors", 5),
        ("&method=react", 0),
        ("&environment=halls", 0),
    ],
)
def test_other_filters_hold_within_one_experiment_too(
    viewer: Client, experiment: Experiment, query: str, episodes: int
) -> None:
    one = f"?experiment={experiment.pk}{query}"

    atlas = viewer.get(f"/atlas/{one}").context["atlas"]

    assert atlas.everything.episodes.count == str(episodes)
    assert len(viewer.get(f"/episodes/{one}").context["rows"]) == episodes


def test_an_empty_studio_says_that_nothing_went_wrong(viewer: Client) -> None:
    assert "Nothing has gone wrong yet" in text(viewer.get("/atlas/"))
    assert "No episodes yet" in text(viewer.get("/episodes/"))


@pytest.mark.parametrize(
    "query",
    [
        "?method=%00",
        "?trial=-1&kind=nonsense&sort=nonsense",
        "?experiment=99999999999999999999",
        "?before=x~y&sort=worst",
        "?before=nan~1&sort=worst",
        "?after=1e999~1&sort=best",
        "?before=1~99999999999999999999&sort=longest",
    ],
)
def test_odd_addresses_are_answered(viewer: Client, experiment: Experiment, query: str) -> None:
    assert viewer.get(f"/episodes/{query}").status_code == 200
    assert viewer.get(f"/atlas/{query}").status_code == 200
    assert viewer.get(f"/reflections/{query}").status_code == 200


@pytest.mark.parametrize(
    ("sort", "returns"),
    [
        ("worst", [0.0, 0.25, 0.5, 1.0, 1.0]),
        ("best", [1.0, 1.0, 0.5, 0.25, 0.0]),
    ],
)
def test_episodes_are_sorted_by_return_over_pages(
    viewer: Client,
    experiment: Experiment,
    monkeypatch: pytest.MonkeyPatch,
    sort: str,
    returns: list[float],
) -> None:
    monkeypatch.setattr("webapp.episodes.views.listing.PAGE_SIZE", 2)
    pages, query = [], f"?sort={sort}"
    while query:
        page = viewer.get(f"/episodes/{query}").context["page"]
        pages.append(page)
        query = page.older

    assert [row.episode_return for page in pages for row in page.rows] == returns
    assert len({row.pk for page in pages for row in page.rows}) == 5
    back = viewer.get(f"/episodes/{pages[2].newer}").context["page"]
    assert [row.pk for row in back.rows] == [row.pk for row in pages[1].rows]


def test_episodes_of_a_tag(viewer: Client, experiment: Experiment) -> None:
    step = Step.objects.filter(episode__task__key="doors-2").first()
    assert step is not None
    StepTag.objects.create(step=step, episode_id=step.episode_id, name="wrong room")

    rows = viewer.get("/episodes/?tag=wrong+room").context["rows"]

    assert [row.pk for row in rows] == [step.episode_id]


def test_both_pages_are_read_in_a_few_queries(
    viewer: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for path in ("/atlas/", "/episodes/?kind=invalid", "/episodes/?sort=worst"):
        with django_assert_max_num_queries(7):
            viewer.get(path)


def test_the_worst_reflection_of_a_run_is_one_click_from_its_page(
    viewer: Client,
) -> None:
    rows = reflections(3)
    for row, rating in zip(rows, [0.5, -0.75, None], strict=True):
        Reflection.objects.filter(pk=row.pk).update(effective_rating=rating)
    run = f"/experiments/{rows[0].experiment_id}/"
    link = f"/reflections/?experiment={rows[0].experiment_id}&amp;sort=worst"

    assert link in viewer.get(run).content.decode()
    worst = viewer.get(link.replace("&amp;", "&")).context["rows"]
    assert [row.rating for row in worst] == ["\N{MINUS SIGN}0.75", "+0.50"]


def test_the_experiment_page_leads_to_its_failures(viewer: Client, experiment: Experiment) -> None:
    page = viewer.get(f"/experiments/{experiment.pk}/").content.decode()

    assert f'href="/atlas/?experiment={experiment.pk}"' in page
    assert "of doors" in text(viewer.get(f"/atlas/?experiment={experiment.pk}"))


def test_only_repeats_can_be_read(viewer: Client, experiment: Experiment) -> None:
    Reflection.objects.filter(episode__task__key="doors-1").update(repeats_previous=True)

    assert len(viewer.get("/reflections/?repeats=on").context["rows"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_scans_steps_or_reflections(
    viewer: Client,
    experiment: Experiment,
    kind: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(20) as captured:
        viewer.get(f"/episodes/?kind={kind}&tag=x")
        viewer.get("/atlas/")

    read = " ".join(query["sql"] for query in captured.captured_queries)
    assert '"episodes_step"' not in read
    assert '"episodes_reflection"' not in read


@pytest.mark.parametrize("path", ["/atlas/", "/episodes/"])
def test_strangers_roles_and_methods(client: Client, viewer: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/sign-in/")
    assert client_of("").get(path).status_code == 403
    assert viewer.post(path).status_code == 405


@pytest.mark.parametrize(("path", "target"), [("/atlas/", "atlas"), ("/episodes/", "episodes")])
def test_partials(viewer: Client, experiment: Experiment, path: str, target: str) -> None:
    part = viewer.get(path, headers={"HX-Request": "true", "HX-Target": target})

    assert "<html" not in part.content.decode()
    assert f'id="{target}"' in part.content.decode()
