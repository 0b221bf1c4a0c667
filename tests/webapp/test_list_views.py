"""The experiments list: columns, orders, groups, pins, baseline, views, tags, delete and undo."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.compared import another
from tests.webapp.listed import drafts, names
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp import present
from webapp.episodes.models import Reflection
from webapp.experiments.deltas import deltas
from webapp.experiments.models import Experiment, Pin, RatingRollup, SavedView

pytestmark = pytest.mark.django_db
LIST = "/experiments/"
NOTHING = {"doors-0": [0.0, 0.0], "doors-1": [0.0, 0.0], "doors-2": [0.0, 0.0]}
OTHER_WAY = {"doors-0": [0.0, 0.0], "doors-1": [1.0], "doors-2": [0.0, 1.0]}


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def test_ratings_are_counted_as_they_are_written() -> None:
    experiment = played_experiment()  # ratings +0.75 and +0.50

    rollup = RatingRollup.objects.get(experiment=experiment)

    assert (rollup.rated, rollup.rating_sum, rollup.positive, rollup.corrected) == (2, 1.25, 2, 0)


def test_a_changed_rating_changes_the_counts() -> None:
    experiment = played_experiment()
    worst = Reflection.objects.get(experiment=experiment, effective_rating=0.5)

    Reflection.objects.filter(pk=worst.pk).update(human_rating=-1.0, effective_rating=-1.0)

    rollup = RatingRollup.objects.get(experiment=experiment)
    assert (rollup.rated, rollup.rating_sum, rollup.positive, rollup.corrected) == (2, -0.25, 1, 1)


def test_a_removed_reflection_is_counted_no_more_and_an_experiment_can_go_with_its_counts() -> None:
    experiment = played_experiment()
    Reflection.objects.filter(experiment=experiment, effective_rating=0.5).delete()
    rollup = RatingRollup.objects.get(experiment=experiment)
    assert (rollup.rated, rollup.rating_sum) == (1, 0.75)

    experiment.delete()

    assert not RatingRollup.objects.exists()


def test_mean_rating_and_shares_stand_in_their_columns(viewer: Client) -> None:
    played_experiment()

    page = viewer.get(LIST, {"cols": "delta,positive,corrected,alpha"})

    row = page.context["groups"][0].rows[0]
    assert (row.delta, row.positive, row.corrected, row.alpha) == (
        "+0.62",
        "100 %",
        "0 %",
        present.DASH,
    )
    assert "Mean ΔG" in text(page)
    assert "Success by trial</a>" not in text(page)


def test_sorting_goes_both_ways_and_pages_follow_it(viewer: Client) -> None:
    drafts("b", "c", "a")

    assert names(viewer.get(LIST, {"sort": "name"})) == ["a", "b", "c"]
    assert names(viewer.get(LIST, {"sort": "-name"})) == ["c", "b", "a"]
    anchor = Experiment.objects.get(name="b").pk
    assert names(viewer.get(LIST, {"sort": "name", "before": anchor})) == ["c"]
    assert names(viewer.get(LIST, {"sort": "name", "after": anchor})) == ["a"]


def test_experiments_without_ratings_sort_below_those_with(viewer: Client) -> None:
    played_experiment("rated")
    drafts("unrated")

    assert names(viewer.get(LIST, {"sort": "-delta"})) == ["rated", "unrated"]
    assert names(viewer.get(LIST, {"sort": "delta"})) == ["unrated", "rated"]


def test_groups_come_in_order_with_their_whole_counts(viewer: Client) -> None:
    drafts("one", "two", "three")  # one is reflexion, the others react

    groups = viewer.get(LIST, {"group": "method", "sort": "name"}).context["groups"]

    assert [(group.title, group.matching) for group in groups] == [
        ("method: react", 2),
        ("method: reflexion", 1),
    ]
    assert [row.name for row in groups[0].rows] == ["three", "two"]


def test_pages_go_on_inside_a_group(viewer: Client) -> None:
    drafts("one", "two", "three")
    anchor = Experiment.objects.get(name="three").pk

    page = viewer.get(LIST, {"group": "method", "sort": "name", "before": anchor})

    assert names(page) == ["two", "one"]


def test_the_baseline_gives_every_row_its_difference_also_while_grouped(viewer: Client) -> None:
    baseline = played_experiment("baseline doors")
    other = another(baseline, "nothing", NOTHING)
    viewer.post(f"{LIST}{baseline.pk}/pin/", {"to": "baseline"})

    page = viewer.get(LIST, {"group": "method"})

    rows = {row.name: row for group in page.context["groups"] for row in group.rows}
    assert rows[other.name].versus.value == "\N{MINUS SIGN}66.7"  # 0 instead of 2 of 3 tasks
    assert rows[other.name].versus.p_value == "0.500"
    assert rows[baseline.name].versus is None
    assert "differences are to the baseline, baseline doors" in text(page)


def test_differences_count_only_trials_that_both_have() -> None:
    baseline = played_experiment()  # solves doors-0 in trial 1, doors-1 in trial 2
    other = another(baseline, "other way", OTHER_WAY)  # doors-1 in trial 1, doors-2 in trial 2
    Experiment.objects.filter(pk=other.pk).update(trials=1)

    found = deltas(baseline.pk, baseline.trials, [other.pk])[other.pk]

    assert (found.tasks, found.success.value, found.p_value) == (3, 0.0, 1.0)  # 1 fixed, 1 broke


def test_there_is_one_baseline_and_any_number_of_pins(viewer: Client) -> None:
    one, two, three = drafts("one", "two", "three")
    for row, to in ((one, "baseline"), (two, "baseline"), (three, "keep"), (two, "keep")):
        viewer.post(f"{LIST}{row.pk}/pin/", {"to": to})

    assert set(Pin.objects.values_list("experiment", "is_baseline")) == {
        (one.pk, False),
        (two.pk, True),
        (three.pk, False),
    }
    viewer.post(f"{LIST}{two.pk}/pin/", {"to": "none"})
    assert Pin.objects.count() == 2


def test_pins_are_everybodys_own(viewer: Client) -> None:
    (row,) = drafts("one")
    viewer.post(f"{LIST}{row.pk}/pin/", {"to": "keep"})

    assert client_of("researcher").get(LIST).context["pins"] == []


def test_a_saved_view_keeps_the_state_and_is_seen_by_others_only_if_shared(viewer: Client) -> None:
    for name, shared in (("mine", ""), ("ours", "on")):
        viewer.post(f"{LIST}views/", {"name": name, "query": "method=react", "shared": shared})

    assert "?method=react" in text(viewer.get(f"{LIST}views/"))
    others = text(client_of("researcher").get(f"{LIST}views/"))
    assert "ours" in others
    assert ">mine<" not in others


def test_a_view_is_removed_by_its_owner_only(viewer: Client) -> None:
    view = SavedView.objects.create(owner=User.objects.get(), name="mine", shared=True)

    client_of("researcher").post(f"{LIST}views/", {"remove": view.pk})
    assert SavedView.objects.exists()
    viewer.post(f"{LIST}views/", {"remove": view.pk})
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    "query", ["sort=x&group=y&cols=z", "before=99999999", "shelf=moon", "deleted=x,99", "tag=%00"]
)
def test_junk_in_the_address_does_not_break_the_list(viewer: Client, query: str) -> None:
    drafts("one")

    assert viewer.get(f"{LIST}?{query}").status_code == 200


def test_a_long_grouped_list_with_pins_and_baseline_takes_ten_queries_at_most(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    baseline = played_experiment()
    others = [another(baseline, f"number {number}", NOTHING) for number in range(5)]
    for row, to in ((baseline, "baseline"), (others[0], "keep")):
        viewer.post(f"{LIST}{row.pk}/pin/", {"to": to})

    with django_assert_max_num_queries(10):
        viewer.get(LIST, {"group": "method", "sort": "-success", "before": others[4].pk})


@pytest.mark.parametrize("page", ["bulk/", "views/", "1/pin/"])
def test_strangers_and_those_without_a_role_are_kept_out(client: Client, page: str) -> None:
    assert client.post(f"{LIST}{page}").status_code == 302
    assert client_of("").post(f"{LIST}{page}").status_code == 403
