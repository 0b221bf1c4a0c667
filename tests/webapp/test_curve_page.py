"""What is drawn on the experiment page: runs, controls, references, spreads, and its CSV file."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.compared import another
from tests.webapp.played import client_of, new_experiment, play, played_experiment
from webapp.experiments.beside import REFERENCES, drawing_of, references_of
from webapp.experiments.curves import CurveTrial, Estimate, areas
from webapp.experiments.measured import measured
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db
LOGS = Path(__file__).resolve().parents[2] / "../shared/data/real_logs"
NOTHING = {"doors-0": [0.0, 0.0], "doors-1": [0.0, 0.0], "doors-2": [0.0, 0.0]}


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def csv_of(client: Client, experiment: Experiment, show: str) -> list[dict[str, str]]:
    content = client.get(f"/experiments/{experiment.pk}/curve.csv", {"show": show}).content
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_another_method_on_the_same_tasks_and_seed_is_a_control() -> None:
    experiment = played_experiment()
    another(experiment, "luck", NOTHING, method="resample")
    another(experiment, "other seed", NOTHING, method="react", seed=8)

    assert [one.label for one in drawing_of(experiment).controls] == ["resample: luck"]


def test_the_same_settings_with_another_seed_are_a_single_run() -> None:
    experiment = played_experiment()
    another(experiment, "again", NOTHING, seed=8)
    another(experiment, "other adapter", NOTHING, seed=9, adapter="tuned")

    drawing = drawing_of(experiment)

    assert [one.label for one in drawing.runs] == ["seed 8: again"]
    assert drawing.spread_over == "2 runs"


def test_with_several_runs_the_spread_is_that_of_their_means() -> None:
    experiment = played_experiment()  # success 1/3, 2/3
    another(experiment, "again", NOTHING, seed=8)  # success 0, 0

    first, second = drawing_of(experiment).own.success_spreads

    assert (first.least, first.most) == (0, pytest.approx(1 / 3))
    assert second.deviation == pytest.approx((2 / 3) / 2**0.5)


def test_alone_the_spread_is_that_of_the_tasks() -> None:
    drawing = drawing_of(played_experiment())

    # Returns after trial 1 are 1, 0.25 and 0.
    assert (drawing.own.return_spreads[0].least, drawing.own.return_spreads[0].most) == (0.0, 1.0)
    assert drawing.spread_over == "tasks"


def test_who_solves_all_tasks_sooner_has_the_larger_area() -> None:
    def curve(*values: float) -> list[CurveTrial]:
        exact = [Estimate(value, value, value, 4) for value in values]
        return [CurveTrial(trial, 4, one, one) for trial, one in enumerate(exact, start=1)]

    soon, late = areas(curve(0.5, 1.0), 5), areas(curve(0.5, 0.8, 0.9, 0.95, 0.95), 5)

    assert soon == pytest.approx((0.9, 0.9))
    assert late == pytest.approx((0.82, 0.82))
    assert areas([], 5) is None


def test_the_area_is_the_mean_over_the_trials() -> None:
    assert drawing_of(played_experiment()).areas == (
        pytest.approx((1 / 3 + 2 / 3) / 2),
        pytest.approx((1.25 / 3 + 2.5 / 3) / 2),
    )


def test_archived_experiments_are_not_drawn_beside() -> None:
    experiment = played_experiment()
    other = another(experiment, "luck", NOTHING, method="resample")
    Experiment.objects.filter(pk=other.pk).update(archived_at=other.created_at)

    assert drawing_of(experiment).controls == []


def test_references_are_cut_to_the_trials_of_the_experiment() -> None:
    react, reflexion = references_of("hotpotqa", 3)

    assert list(react.percent) == [34, 34, 34]
    assert list(reflexion.percent) == [32, 42, 48]
    assert references_of("doors", 3) == references_of("hotpotqa", 0) == []


@pytest.mark.parametrize("entry", json.loads(REFERENCES.read_text()))
def test_every_reference_has_a_source_and_a_value_for_each_trial(
    entry: dict[str, list[int]],
) -> None:
    assert entry["source"]
    assert len(entry["trials"]) == len(entry["percent"])


def test_the_csv_holds_only_the_kinds_that_are_drawn(viewer: Client) -> None:
    experiment = played_experiment()
    another(experiment, "luck", NOTHING, method="resample")

    alone = csv_of(viewer, experiment, "")
    both = csv_of(viewer, experiment, "control,reference")

    assert [row["kind"] for row in alone] == ["own", "own"]
    assert [row["kind"] for row in both] == ["own", "own", "control", "control"]
    assert both[2]["series"] == "resample: luck"


def test_the_csv_of_an_experiment_in_a_published_environment_can_hold_the_reference(
    viewer: Client,
) -> None:
    experiment = played_experiment()
    Experiment.objects.filter(pk=experiment.pk).update(environment="webshop")

    last = csv_of(viewer, experiment, "reference")[-1]

    assert (last["series"], last["trial"], last["success"]) == ("Reflexion, recorded", "2", "0.33")
    assert "arXiv 2303.11366" in last["source"]


def test_the_page_with_much_beside_it_is_read_in_few_queries(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    experiment = played_experiment()
    for number in range(3):
        another(experiment, f"again {number}", NOTHING, seed=20 + number)

    with django_assert_max_num_queries(3):
        drawing_of(experiment)


def test_the_page_offers_what_there_is_to_show(viewer: Client) -> None:
    experiment = played_experiment()
    another(experiment, "again", NOTHING, seed=8)
    another(experiment, "luck", NOTHING, method="resample")

    page = " ".join(viewer.get(f"/experiments/{experiment.pk}/").content.decode().split())

    assert "Single runs (1 other seed)" in page
    assert "Other methods, same tasks and seed" in page
    assert "area under the curve: 0.500 success, 0.625 return" in page
    assert f'href="/experiments/{experiment.pk}/trials/2/"' in page


def test_a_curve_is_measured_again_only_after_another_episode(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    doors = new_experiment("doors")
    rows = doors.experiment_tasks.order_by("position")
    play(rows[0], [1.0])
    doors.refresh_from_db()
    assert [point.success.mean for point in measured([doors])[doors.pk].points] == [1.0]

    with django_assert_num_queries(0):
        measured([doors])
    play(rows[1], [0.0])
    doors.refresh_from_db()

    assert [point.success.mean for point in measured([doors])[doors.pk].points] == [0.5]
