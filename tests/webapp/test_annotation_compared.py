"""Before and after a retraining: no reward model is measured on tasks that it learned from."""

from typing import Any

import pytest

from tests.webapp.annotated import person, queue_of, signed_in
from tests.webapp.pages import text
from webapp.adapters.models import Adapter
from webapp.annotation.models import Measurement, ModelScore, Retraining
from webapp.annotation.services import measuring
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.runs import launch
from webapp.training.services.specs import preset_spec

pytestmark = pytest.mark.django_db


def split(name: str, *, train: list[Reflection], held: list[Reflection]) -> Snapshot:
    """A snapshot that is split as the test wants it."""
    snapshot = Snapshot.objects.create(name=name, sha256="", items_count=len(train + held))
    SnapshotItem.objects.bulk_create(
        SnapshotItem(
            snapshot=snapshot,
            position=position,
            split="train" if row in train else "validation",
            reflection=row,
            environment="doors",
            task_key=row.episode.task.key,
            trial=1,
            text=row.text,
            rating=row.effective_rating or 0.0,
        )
        for position, row in enumerate(train + held)
    )
    return snapshot


def trained(name: str, snapshot: Snapshot, parent: Adapter | None = None) -> Adapter:
    """What a run on the snapshot made: a reward model, of a policy if it has a parent."""
    stage = "reward_model" if name.startswith("judge") else "sft"
    adapter = Adapter.objects.create(
        family=name,
        version=1,
        name=name,
        kind="reward_model" if stage == "reward_model" else "policy",
        checksum="c" * 64,
    )
    spec = preset_spec(stage, "cpu-small")
    run = launch(name=name, snapshot=snapshot, spec=spec, preset="cpu-small", parent=parent)
    TrainingRun.objects.filter(pk=run.pk).update(adapter=adapter, status="done")
    return adapter


def score(adapter: Adapter, rows: list[Reflection], scores: list[float]) -> None:
    ModelScore.objects.bulk_create(
        ModelScore(adapter=adapter, reflection=row, score=value)
        for row, value in zip(rows, scores, strict=True)
    )


@pytest.fixture
def rows() -> list[Reflection]:
    """Of eight tasks; those of tasks 0, 2, 4 and 5 are rated +1."""
    queue_of(count=8)
    found = list(Reflection.objects.select_related("episode__task").order_by("pk"))
    for place in (0, 2, 4, 5):
        found[place].effective_rating = 1.0
        found[place].save()
    return found


@pytest.fixture
def retrained(rows: list[Reflection]) -> Retraining:
    """Tasks 2 to 7 are held out. The model before learned from 2 and 3, its parent from 4."""
    new = split("new", train=rows[:2], held=rows[2:])
    parent = trained("policy", split("plans", train=rows[4:5], held=rows[5:]))
    before = trained("judge-old", split("old", train=rows[2:4], held=rows[5:]), parent)
    after = trained("judge-new", new)
    score(before, rows[2:], [9.0, -9.0, 9.0, -1.0, 1.0, 1.0])
    score(after, rows[2:], [9.0, -9.0, 9.0, 1.0, -1.0, -1.0])
    return Retraining.objects.create(
        queue_id=rows[0].queue_items.get().queue_id,
        snapshot=new,
        run=after.made_by,
        earlier=before,
        made_by=person("lea"),
    )


def compared(made: Retraining) -> dict[str, Any]:
    """The figures, kept as the worker keeps them."""
    assert made.run.adapter is not None
    result = measuring.compared(made.snapshot, made.run.adapter, made.earlier)
    kind = Measurement.Kind.RETRAINING
    Measurement.objects.create(
        kind=kind, snapshot=made.snapshot, adapter=made.run.adapter, status="done", result=result
    )
    return result


def page_of(made: Retraining) -> str:
    return text(signed_in(person("lea", "researcher")).get(f"/annotation/retrainings/{made.pk}/"))


def test_tasks_that_the_earlier_model_or_its_parent_learned_from_are_left_out(
    retrained: Retraining,
) -> None:
    found = compared(retrained)

    # Of the six that are held out tasks 5, 6 and 7 stay, and the earlier model has them wrong.
    assert (found["left_out"], found["rows"], found["tasks"], found["above"]) == (3, 3, 3, 1)
    assert (found["before"]["mean"], found["after"]["mean"]) == (0.0, 1.0)
    assert "3 held-out reflections of the new snapshot are left out" in page_of(retrained)


def test_where_too_few_stay_that_is_told_and_no_figure(
    retrained: Retraining, rows: list[Reflection]
) -> None:
    everything_else = split("more", train=rows[5:7], held=[])
    TrainingRun.objects.filter(name="policy").update(snapshot=everything_else)
    TrainingRun.objects.filter(name="judge-old").update(
        snapshot=split("most", train=rows[2:5], held=[])
    )

    found = compared(retrained)

    assert found == {"left_out": 5, "rows": 1, "tasks": 1, "above": 0}
    page = page_of(retrained)
    assert "Too few held-out reflections stay for a figure: 1 of 1 task, 0 of them" in page
    assert "5 held-out reflections of the new snapshot are left out" in page
    assert "Held-out ROC-AUC" not in page


def test_ratings_on_one_side_give_no_figure(retrained: Retraining, rows: list[Reflection]) -> None:
    TrainingRun.objects.filter(name="policy").update(
        snapshot=split("more", train=rows[4:6], held=[])
    )

    assert compared(retrained) == {"left_out": 4, "rows": 2, "tasks": 2, "above": 0}
    assert "2 of 2 tasks, 0 of them rated above 0" in page_of(retrained)


def test_a_comparison_from_before_tasks_were_left_out_says_that_it_may_flatter(
    retrained: Retraining,
) -> None:
    auc = {"mean": 0.9, "low": 0.8, "high": 1.0}
    Measurement.objects.create(
        kind="retraining",
        snapshot=retrained.snapshot,
        adapter=retrained.run.adapter,
        status="done",
        result={"rows": 6, "tasks": 6, "before": auc, "after": auc},
    )

    assert "(judge-old) may have been trained on some of these tasks" in page_of(retrained)
