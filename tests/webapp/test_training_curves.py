"""Curves of training runs: whole where they are short, bounded where they are long."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.played import client_of
from webapp.training.models import MetricPoint, Snapshot, TrainingRun
from webapp.training.thinned import thinned, whole_or_thinned

pytestmark = pytest.mark.django_db


def run_with(steps: list[int], name: str = "one") -> TrainingRun:
    snapshot, _ = Snapshot.objects.get_or_create(name="s", defaults={"sha256": "0" * 64})
    run = TrainingRun.objects.create(
        name=name, stage="sft", preset="p", spec={}, snapshot=snapshot, adapter_family="a"
    )
    MetricPoint.objects.bulk_create(
        MetricPoint(run=run, split="train", name="loss", step=step, value=step / 10)
        for step in steps
    )
    return run


def test_a_short_run_keeps_every_point() -> None:
    run = run_with([1, 2, 3, 5000])

    curves = whole_or_thinned([run.pk], most=2)

    assert curves == {(run.pk, "train", "loss"): [(1, 0.1), (2, 0.2), (3, 0.3), (5000, 500.0)]}


def test_a_long_curve_is_thinned_evenly_from_its_first_to_its_last_point() -> None:
    run = run_with(list(range(0, 1001, 2)))

    (steps,) = thinned([(run.pk, "train", "loss")], 5).values()

    assert [step for step, _ in steps] == [0, 250, 500, 750, 1000]


def test_a_run_of_many_points_opens_with_a_bounded_page(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    run = run_with(list(range(7_000)))
    client = client_of("viewer")

    with django_assert_max_num_queries(14):
        page = client.get(f"/training/{run.pk}/").content

    assert len(page) < 100_000


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
