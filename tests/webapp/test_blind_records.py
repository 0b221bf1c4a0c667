"""Snapshots, lineage, reports, programs and sorted lists tell no peer's value too early."""

from pathlib import Path

import pytest
from django.test import Client

from retro_core.training.presets import PRESETS
from tests.webapp.annotated import give, override, person, queue_of, reflections, signed_in
from tests.webapp.api_program import Api
from tests.webapp.pages import text
from tests.webapp.training_world import made_adapter
from webapp.adapters.models import Adapter
from webapp.annotation.models import QueueItem
from webapp.episodes.models import Reflection
from webapp.reports.models import Report, ReportVersion
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db
SAID = "+0.75"


@pytest.fixture
def item() -> QueueItem:
    """Ann valued it; Ben has yet to."""
    item = queue_of(count=1, overlap=2).items.get()
    Reflection.objects.update(prompt="What went wrong?")
    give(item, person("ann"), override(0.75))
    return item


@pytest.fixture
def snapshot(item: QueueItem) -> Snapshot:
    return freeze(BufferQuery(validation_share=0.0), name="rated")


@pytest.fixture
def adapter(snapshot: Snapshot, tmp_path: Path) -> Adapter:
    made = made_adapter(tmp_path / "a", "tuned")
    Reflection.objects.update(adapter=made.name)
    spec = PRESETS["cpu-small"]["sft"]
    run = launch(name="the sft", snapshot=snapshot, spec=spec, preset="cpu-small")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=made)
    return made


@pytest.fixture
def report(item: QueueItem) -> Report:
    words = f"```reflection\nreflection: {item.reflection_id}\n```"
    report = Report.objects.create(title="Doors", owner=person("lea", "researcher"), version=1)
    ReportVersion.objects.create(report=report, number=1, title="Doors", text=words)
    return report


def saying(client: Client, pages: list[str]) -> list[str]:
    """The pages that tell what Ann said."""
    found = {path: client.get(path) for path in pages}
    assert {response.status_code for response in found.values()} == {200}
    return [path for path, response in found.items() if SAID in text(response)]


def test_records_tell_a_value_after_ones_own_answer_only(
    item: QueueItem, snapshot: Snapshot, adapter: Adapter, report: Report
) -> None:
    pages = [
        f"/training/snapshots/{snapshot.pk}/",
        f"/adapters/{adapter.pk}/lineage/",
        f"/adapters/{adapter.pk}/lineage/?show=written",
        f"/reports/{report.pk}/",
    ]
    ben = signed_in(person("ben"))

    assert saying(ben, pages) == []
    assert saying(signed_in(person("rea", "researcher")), pages) == pages
    give(item, person("ben"), override(0.75))
    assert saying(ben, pages) == pages


def test_a_file_with_peoples_values_waits_for_ones_own_answer(
    item: QueueItem, snapshot: Snapshot
) -> None:
    path = f"/training/snapshots/{snapshot.pk}/items.jsonl"
    ben = signed_in(person("ben"))

    refused = ben.get(path)
    assert refused.status_code == 403
    assert "keeps that from you for 1 of its reflections" in text(refused)

    give(item, person("ben"), override(0.75))
    assert b"0.75" in b"".join(ben.get(path).streaming_content)  # type: ignore[attr-defined]


def test_a_program_reads_what_its_owner_may_see(item: QueueItem) -> None:
    reflection = item.reflection
    experiment = reflection.experiment_id
    paths = [f"/experiments/{experiment}/{kind}" for kind in ("reflections", "ratings")]

    for role, seen in (("annotator", 0.0), ("researcher", 0.75)):
        program = Api(role)
        for path in paths:
            assert program.get(path).json()["items"][0]["effective_rating"] == seen
        whole = program.get(f"/episodes/{reflection.episode_id}").json()
        assert whole["reflection"]["effective_rating"] == seen


def test_neither_a_filter_nor_an_order_tells_it(item: QueueItem) -> None:
    reflections(1, rating=0.5, name="windows")
    ben, lead = signed_in(person("ben")), signed_in(person("rea", "researcher"))
    doors, windows = "wrong in doors-0", "wrong in windows-0"

    assert doors not in text(ben.get("/reflections/?rating=helped"))
    assert doors in text(lead.get("/reflections/?rating=helped"))
    listed = text(ben.get("/reflections/?sort=best"))
    assert listed.index(windows) < listed.index(doors)
    listed = text(lead.get("/reflections/?sort=best"))
    assert listed.index(doors) < listed.index(windows)
