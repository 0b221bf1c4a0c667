"""A model reads reflections in a child process; what it finds becomes rows and figures."""

from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone

from retro_core.training.spec import OptimisationSpec
from tests.webapp.annotated import reflections
from tests.workers.training_rows import tiny_base, tiny_run, tiny_snapshot
from webapp.annotation.models import Measurement, ModelScore, Retraining, TextFeatures
from webapp.annotation.services import measuring
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, SnapshotItem
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze
from workers.asked_upkeep import take_up_asked_work
from workers.measuring import measure
from workers.training import train

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(600),  # a model's libraries need seconds to load, minutes if disturbed
]
Kind = Measurement.Kind


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def _tiny(base: Path, settings) -> None:
    settings.REFLECTOR_BASE_FOLDER = str(base)
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}


def measured(row: Measurement) -> Measurement:
    measure(row.pk)
    row.refresh_from_db()
    return row


def rated_snapshot() -> Snapshot:
    """Twenty reflections of twenty tasks; every second says good and is rated +1."""
    rows = reflections(20)
    for place, row in enumerate(rows):
        good = place % 2
        Reflection.objects.filter(pk=row.pk).update(
            prompt=f"look task {place}",
            text="good plan" if good else "bad plan",
            effective_rating=float(good),
            human_rating=float(good) if good else None,
        )
    return freeze(BufferQuery(validation_share=0.4, repeats="keep"), name="twenty")


def test_the_effect_of_people_is_measured_on_features_that_are_kept_by_text() -> None:
    snapshot = rated_snapshot()

    first = measured(measuring.ask(Kind.EFFECT, snapshot=snapshot))
    again = measured(measuring.ask(Kind.EFFECT, snapshot=snapshot))

    assert (first.status, first.reason) == ("done", "")
    assert (first.done, first.total) == (2, 2)  # "good plan" and "bad plan", each read once
    assert (again.total, again.result) == (0, first.result)
    assert TextFeatures.objects.count() == 2
    assert first.result["rows"] == 20
    # Every automatic rating is 0: a head taught by them alone knows nothing.
    assert first.result["without"]["mean"] == 0.5
    assert first.result["with"]["mean"] == 1.0
    assert first.result["gain"]["mean"] == 0.5


def test_a_model_that_cannot_be_read_is_told_and_nothing_is_made_up(settings) -> None:
    settings.REFLECTOR_BASE_FOLDER = str(django_settings.PLACES.training / "missing")

    row = measured(measuring.ask(Kind.EFFECT, snapshot=tiny_snapshot()))

    assert row.status == "failed"
    assert "REFLECTOR_BASE_FOLDER" in row.reason
    assert row.result == {}
    assert TextFeatures.objects.count() == 0


def test_a_killed_workers_measurement_is_taken_up_and_reads_only_the_rest() -> None:
    snapshot = rated_snapshot()
    row = measured(measuring.ask(Kind.EFFECT, snapshot=snapshot))
    TextFeatures.objects.filter(text_sha256=measuring.digest("good plan")).delete()
    gone = timezone.now() - timedelta(minutes=1)
    Measurement.objects.update(status="running", lease_holder="dead", lease_expires_at=gone)

    django_rq.get_queue("training").empty()  # the job died with its worker
    taken = take_up_asked_work()
    row = measured(row)

    assert ("workers.measuring.measure", row.pk) in taken
    assert (row.status, row.total) == ("done", 1)


def test_a_finished_retraining_is_compared_on_the_held_out_tasks() -> None:
    snapshot = rated_snapshot()
    held = snapshot.items.filter(split=SnapshotItem.Split.VALIDATION)
    owner = User.objects.create_user("lea")
    queue = make_queue(owner, Terms("doors"), Selection([], size=5), "")
    small = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=2)
    run = tiny_run(snapshot, "reward_model", name="tiny reward", optimisation=small)
    train(run.pk)
    run.refresh_from_db()
    assert run.status == "done", run.reason
    Retraining.objects.create(queue=queue, snapshot=snapshot, run=run, made_by=owner)

    take_up_asked_work()
    row = measured(Measurement.objects.get(kind=Kind.RETRAINING))

    assert (row.status, row.reason) == ("done", "")
    assert row.adapter == run.adapter
    scored = ModelScore.objects.filter(adapter=run.adapter)
    assert set(scored.values_list("reflection", flat=True)) == set(
        held.values_list("reflection", flat=True)
    )
    assert row.result["rows"] == held.count()
    assert row.result["above"] == held.filter(rating__gt=0).count()
    assert "before" not in row.result
    rest = measured(measuring.ask(Kind.SCORES, adapter=run.adapter))
    assert rest.total == 20 - held.count()
    assert ModelScore.objects.count() == 20
