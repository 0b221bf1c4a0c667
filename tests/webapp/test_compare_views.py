"""Comparing experiments: tests by hand, flips, warnings, and the published logs."""

import csv
import io
from math import comb
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.compared import another
from tests.webapp.pages import text
from tests.webapp.played import client_of, new_experiment, played_experiment
from webapp.episodes.importing import import_episodes
from webapp.experiments.comparison import Comparison, compare
from webapp.experiments.differences import changed_settings
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db
LOGS = Path(__file__).resolve().parents[2] / "../shared/data/real_logs"
PAGE = "/experiments/compare/"
NOTHING = {"doors-0": [0.0, 0.0], "doors-1": [0.25, 0.0], "doors-2": [0.0, 0.5]}
OTHER_WAY = {"doors-0": [0.0, 0.0], "doors-1": [1.0], "doors-2": [0.0, 1.0]}


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def pair_of(comparison: Comparison) -> dict[str, int]:
    return {name: len(tasks) for name, tasks in comparison.pairs[0].flips.items()}


def test_tasks_are_counted_as_fixed_broke_both_and_neither() -> None:
    baseline = played_experiment()  # solves doors-0 and doors-1
    other = another(baseline, "other way", OTHER_WAY)  # solves doors-1 and doors-2

    comparison = compare([baseline, other])

    assert pair_of(comparison) == {"fixed": 1, "broke": 1, "both": 1, "neither": 0}


def test_only_trials_up_to_the_chosen_one_count() -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY)

    comparison = compare([baseline, other], trial=1)

    # After one trial the baseline has solved doors-0, the other doors-1.
    assert pair_of(comparison) == {"fixed": 1, "broke": 1, "both": 0, "neither": 1}


def test_the_difference_and_mcnemar_are_those_worked_out_by_hand() -> None:
    baseline = played_experiment()
    success = compare([baseline, another(baseline, "nothing", NOTHING)]).pairs[0].success

    assert success is not None
    assert success.value.value == pytest.approx(-2 / 3)  # none of three instead of two
    assert success.p_value == 0.5  # two tasks, both one way: 2 * (1 / 2) ** 2
    assert success.effect == -0.5


def test_the_return_difference_is_the_mean_over_the_tasks() -> None:
    baseline = played_experiment()  # newest returns 1, 1, 0.5
    returns = compare([baseline, another(baseline, "nothing", NOTHING)]).pairs[0].episode_return

    assert returns is not None
    assert returns.value.value == pytest.approx((0 + 0 + 0.5 - 2.5) / 3)


def test_holm_multiplies_over_the_pairs_of_the_page() -> None:
    baseline = played_experiment()
    same = another(baseline, "nothing", NOTHING)
    again = another(baseline, "nothing again", NOTHING)

    found = [pair.success for pair in compare([baseline, same, again]).pairs]

    assert [one.p_value for one in found if one] == [0.5, 0.5]
    assert [one.p_holm for one in found if one] == [1.0, 1.0]


def test_equal_experiments_on_the_same_tasks_and_seed_need_no_warning() -> None:
    baseline = played_experiment()

    assert compare([baseline, another(baseline, "other way", OTHER_WAY)]).warnings == []


def test_warnings_name_other_environments_tasks_and_seeds() -> None:
    baseline = played_experiment()
    other = new_experiment("rooms")
    Experiment.objects.filter(pk=other.pk).update(environment="rooms", seed=8)
    other.refresh_from_db()

    said = " ".join(compare([baseline, other]).warnings)

    assert "another environment, rooms" in said
    assert "no task in common" in said
    assert "seed 8, the baseline has 7" in said
    assert "is draft, not finished" in said


def test_the_page_lists_only_the_settings_that_differ(viewer: Client) -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY, method="last_trial")
    config = baseline.config | {"actor": baseline.config["actor"] | {"temperature": 0.5}}
    Experiment.objects.filter(pk=other.pk).update(config=config)

    page = viewer.get(PAGE, {"ids": f"{baseline.pk},{other.pk}"})

    names = [setting.name for setting in page.context["changed"]]
    assert "method" in names
    assert "actor.temperature" in names
    assert "environment" not in names


def test_imported_episodes_have_no_settings_to_differ_in() -> None:
    played = played_experiment()
    imported = another(played, "imported", OTHER_WAY, source="imported", actor_model="other")

    assert [one.name for one in changed_settings([played, imported])] == ["actor model"]


def test_a_flip_number_opens_its_tasks(viewer: Client) -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY)
    ids = f"{baseline.pk},{other.pk}"

    page = text(viewer.get(PAGE, {"ids": ids, "flip": "fixed", "of": other.pk}))

    assert "1 task fixed" in page
    assert "Leave by door 2." in page
    assert "Leave by door 0." not in page


def test_the_first_experiment_is_the_baseline(viewer: Client) -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY)

    page = viewer.get(f"{PAGE}?ids={other.pk}&ids={baseline.pk}")

    assert page.context["comparison"].baseline.experiment == other


def test_a_comparison_is_read_in_few_queries(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    baseline = played_experiment()
    others = [another(baseline, f"number {number}", NOTHING) for number in range(7)]
    ids = ",".join(str(row.pk) for row in [baseline, *others])

    with django_assert_max_num_queries(8):
        response = viewer.get(PAGE, {"ids": ids})

    assert len(response.context["pairs"]) == 7


def test_the_csv_holds_every_drawn_point(viewer: Client) -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY)

    response = viewer.get(f"{PAGE}curves.csv", {"ids": f"{baseline.pk},{other.pk}"})

    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(row["series"], row["trial"], row["success"]) for row in rows] == [
        ("doors", "1", "0.333333"),
        ("doors", "2", "0.666667"),
        ("other way", "1", "0.333333"),
        ("other way", "2", "0.666667"),
    ]


@pytest.mark.parametrize(
    ("ids", "status"),
    [("", 200), ("1", 200), ("x,y", 200), ("1,2,3,4,5,6,7,8,9", 400), ("999998,999999", 404)],
)
def test_ids_that_make_no_comparison_are_answered_plainly(
    viewer: Client, ids: str, status: int
) -> None:
    assert viewer.get(PAGE, {"ids": ids}).status_code == status


@pytest.mark.parametrize("junk", ["trial=x", "trial=-1", "trial=99999999999", "flip=x&of=y"])
def test_junk_in_the_address_does_not_break_the_page(viewer: Client, junk: str) -> None:
    baseline = played_experiment()
    other = another(baseline, "other way", OTHER_WAY)

    assert viewer.get(f"{PAGE}?ids={baseline.pk},{other.pk}&{junk}").status_code == 200


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}curves.csv"])
def test_strangers_and_those_without_a_role_are_kept_out(client: Client, page: str) -> None:
    assert client.get(page).status_code == 302
    assert client_of("").get(page).status_code == 403
    assert client_of("viewer").post(page).status_code == 405


def test_the_episodes_behind_a_point_are_those_of_the_trial(viewer: Client) -> None:
    experiment = played_experiment()

    page = text(viewer.get(f"/experiments/{experiment.pk}/trials/2/"))

    assert "2 episodes: 1 solved, 1 not, mean return 0.750" in page
    assert "1 task solved in an earlier trial was not tried again" in page
    assert "Leave by door 0." not in page
    only = text(viewer.get(f"/experiments/{experiment.pk}/trials/2/?outcome=solved"))
    assert "Leave by door 2." not in only


@pytest.mark.parametrize("trial", [0, 3, 99999])
def test_a_trial_that_nobody_played_is_not_found(viewer: Client, trial: int) -> None:
    experiment = played_experiment()

    assert viewer.get(f"/experiments/{experiment.pk}/trials/{trial}/").status_code == 404


def test_the_published_logs_compare_as_worked_out_by_hand(viewer: Client) -> None:
    if not LOGS.exists():
        pytest.skip("the published logs are not beside the repository")
    for name in ("hotpotqa_react", "hotpotqa_reflexion"):
        import_episodes((LOGS / f"{name}.jsonl").open("rb"), source=name)
    react, reflexion = Experiment.objects.order_by("name")

    comparison = compare([react, reflexion])
    pair = comparison.pairs[0]

    # Both solve 33 of the 100 questions within five trials, reflexion alone 18, react alone 1.
    assert comparison.trial == 5
    assert pair_of(comparison) == {"fixed": 18, "broke": 1, "both": 33, "neither": 48}
    assert pair.success is not None
    assert pair.success.p_value == 2 * (comb(19, 0) + comb(19, 1)) / 2**19 == 40 / 524288
    assert pair.success.value.value == pytest.approx(0.17)
    assert compare([react, reflexion], trial=7).pairs[0].success.p_value == 2 / 2**19  # type: ignore[union-attr]
    assert "51 of 100" in text(viewer.get(PAGE, {"ids": f"{react.pk},{reflexion.pk}"}))
