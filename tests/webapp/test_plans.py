"""No page reads all steps or all reflections: the database's plans are read.

Sequential scans are switched off, so that one in a plan means that no index could have answered.
"""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.webapp.played import client_of, played_experiment
from webapp.episodes.models import Episode, Step
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db
LARGE = {"episodes_step", "episodes_reflection", "training_metricpoint"}


def addresses() -> list[str]:
    """Pages that show steps, reflections or points, in their narrowings."""
    experiment = Experiment.objects.get()
    episode = Episode.objects.filter(reflection__isnull=False)[0]
    task = f"/experiments/{experiment.pk}/tasks/{episode.task_id}/"
    searches = [
        f"/search/?q=door*&scope={scope}{rest}"
        for scope in ("steps", "action", "thought", "observation", "reflections")
        for rest in ("", "&order=best", f"&experiment={experiment.pk}", "&outcome=solved")
    ]
    return [
        "/experiments/",
        "/experiments/?q=door&method=reflexion",
        f"/experiments/{experiment.pk}/",
        task,
        f"/episodes/{episode.pk}/",
        f"/episodes/{episode.pk}/?from=1",
        f"/episodes/{episode.pk}/steps/1/",
        "/reflections/",
        "/reflections/?rating=negative",
        f"/reflections/?experiment={experiment.pk}",
        f"/search/?q=door&before={Step.objects.order_by('pk')[0].pk}",
        *searches,
        "/annotation/",
        "/training/",
        "/reports/",
    ]


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads from end to end."""
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*(scanned(child) for child in plan.get("Plans", [])))


def tables_scanned(sql: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql.replace('%', '%%')}", [])
        answer = cursor.fetchone()[0]
    plans = json.loads(answer) if isinstance(answer, str) else answer
    return scanned(plans[0]["Plan"])


def test_the_reader_of_plans_sees_a_sequential_scan() -> None:
    assert tables_scanned("SELECT * FROM episodes_step WHERE seconds > 1") == {"episodes_step"}


def test_no_page_scans_steps_reflections_or_points() -> None:
    played_experiment()
    client = client_of("administrator")
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    for address in addresses():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200, address
        reads = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
        found += [
            (address, sql[:300])
            for sql in reads
            if any(table in sql for table in LARGE) and tables_scanned(sql) & LARGE
        ]

    assert found == []
