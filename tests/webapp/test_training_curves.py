"""Curves of training runs: whole where they are short, bounded where they are long."""

from collections.abc import Iterable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.played import client_of
from webapp.training.drawn import drawn_curves
from webapp.training.models import DrawnCurve, MetricPoint, Snapshot, TrainingRun
from webapp.training.services.points import draw_points, draw_whole_runs, record_points

pytestmark = pytest.mark.django_db


def run_with(steps: Iterable[int], name: str = "one") -> TrainingRun:
    snapshot, _ = Snapshot.objects.get_or_create(name="s", defaults={"sha256": "0" * 64})
    run = TrainingRun.objects.create(
        name=name, stage="sft", preset="p", spec={}, snapshot=snapshot, adapter_family="a"
    )
    told(run, steps)
    return run


def told(run: TrainingRun, steps: Iterable[int], *, shift: float = 0.0) -> list[MetricPoint]:
    points = [
        MetricPoint(run=run, split="train", name="loss", step=step, value=step / 10 + shift)
        for step in steps
    ]
    record_points(points)
    return points


def loss_of(run: TrainingRun, most: int = DrawnCurve.FINE) -> dict[int, float]:
    return drawn_curves([run.pk], most)[run.pk, "train", "loss"]


def test_points_are_shown_before_they_are_taken_into_the_drawn_curve() -> None:
    run = run_with([1, 2])
    draw_points(run.pk, MetricPoint.objects.filter(run=run))

    told(run, [3])

    assert DrawnCurve.objects.get(most=600).steps == [1, 2]
    assert loss_of(run) == {1: 0.1, 2: 0.2, 3: 0.3}


def test_a_curve_keeps_the_first_point_of_each_stretch_and_the_newest() -> None:
    curve = DrawnCurve(most=4)

    for step in range(1, 12):
        curve.add(step, float(step))

    # Four is too few for 1..5, so that stretches are 2 wide, and 4 wide from step 8 on.
    assert (curve.width, curve.steps) == (4, [1, 4, 8, 11])
    assert curve.values == [1.0, 4.0, 8.0, 11.0]


def test_what_a_resumed_run_tells_again_replaces_what_was_drawn() -> None:
    run = run_with([])
    draw_points(run.pk, told(run, [1, 2, 3, 4]))

    draw_points(run.pk, told(run, [3, 4, 5], shift=1.0))

    assert loss_of(run) == {1: 0.1, 2: 0.2, 3: 1.3, 4: 1.4, 5: 1.5}


def test_taking_the_same_points_twice_changes_nothing() -> None:
    run = run_with([])
    points = told(run, range(1, 2_001))
    draw_points(run.pk, points)
    once = loss_of(run, 120)

    draw_points(run.pk, points)

    assert loss_of(run, 120).keys() == once.keys()
    assert 60 <= len(once) <= 120
    assert (min(once), max(once)) == (1, 2_000)


def test_runs_drawn_in_the_database_have_the_points_of_those_drawn_as_they_came() -> None:
    run = run_with([])
    draw_points(run.pk, told(run, range(5_001)))
    as_it_came = {row.most: (row.width, row.steps) for row in run.drawn_curves.all()}

    draw_whole_runs([run.pk])

    in_the_database = {row.most: (row.width, row.steps) for row in run.drawn_curves.all()}
    assert in_the_database == as_it_came
    assert as_it_came[600][0] == 16


def test_a_run_of_many_points_opens_with_a_bounded_page(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    run = run_with(range(7_000))
    client = client_of("viewer")

    with django_assert_max_num_queries(14):
        page = client.get(f"/training/{run.pk}/").content

    assert len(page) < 100_000


def test_a_name_that_is_drawn_is_explained() -> None:
    run = run_with([1, 2])

    page = client_of("viewer").get(f"/training/{run.pk}/").content.decode()

    assert "<dt>loss</dt>" in page
    assert "<dt>kl</dt>" not in page


def test_many_runs_are_drawn_over_each_other() -> None:
    runs = [run_with([1, 2, 3], name) for name in ("one", "two")]

    page = (
        client_of("viewer")
        .get("/training/curves/", {"run": [run.pk for run in runs], "curve": "train loss"})
        .content.decode()
    )

    assert '"x": [1, 2, 3]' in page
    assert page.count('"name": "one"') == page.count('"name": "two"') == 1


@pytest.mark.parametrize("query", [{}, {"run": "x"}, {"run": "9" * 30}, {"run": "1", "curve": "z"}])
def test_words_that_name_no_run_ask_to_choose(query: dict[str, str]) -> None:
    page = client_of("viewer").get("/training/curves/", query)

    assert page.status_code == 200
    assert "Choose runs" in page.content.decode()


def test_roles_are_checked(client: Client) -> None:
    assert client.get("/training/curves/").status_code == 302
    assert client_of("").get("/training/curves/").status_code == 403
    assert client_of("viewer").post("/training/curves/").status_code == 405
