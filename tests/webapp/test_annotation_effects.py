"""What people's ratings change: counterfactual ratings, the effect on a snapshot, retraining."""

from datetime import datetime

import pytest
from django.test import Client

from tests.webapp.annotated import (
    HUGE,
    address,
    effective,
    give,
    override,
    person,
    queue_of,
    reflections,
    signed_in,
)
from tests.webapp.measured import scored
from tests.webapp.pages import text
from webapp.adapters.models import Adapter
from webapp.annotation.models import (
    Measurement,
    ModelScore,
    Queue,
    Retraining,
)
from webapp.annotation.services import measuring, retraining, statistics
from webapp.annotation.services.deciding import decide
from webapp.annotation.services.effects import change_rule
from webapp.annotation.services.making import Selection, Terms, asked_again, make_queue, sample
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Client:
    return signed_in(person("lea", "researcher"))


def rated_snapshot() -> Snapshot:
    """Four reflections rated 0 by the automatic rating; a person says that one was worth +1."""
    rows = reflections(4)
    Reflection.objects.update(prompt="What went wrong?")
    Reflection.objects.filter(pk=rows[0].pk).update(effective_rating=1.0, human_rating=1.0)
    return freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="four")


# ---------- the effect on a snapshot ----------
def test_the_effect_counts_what_people_changed(lead: Client) -> None:
    snapshot = rated_snapshot()

    found = retraining.changes_by_people(snapshot)
    page = text(lead.get(f"/annotation/effects/{snapshot.pk}/"))

    assert (found.compared, found.changed, found.flipped) == (4, 1, 1)
    assert (found.above_before, found.above_after) == (0, 1)
    assert "25 %" in page
    assert "have not been read by the base model yet" in page


def test_a_refit_is_asked_for_once_while_it_is_under_way(lead: Client) -> None:
    snapshot = rated_snapshot()

    for _ in range(2):
        lead.post(f"/annotation/effects/{snapshot.pk}/ask/")

    assert Measurement.objects.get().kind == "effect"
    assert 'hx-trigger="every 3s"' in text(lead.get(f"/annotation/effects/{snapshot.pk}/"))


def test_the_refit_is_shown_with_intervals_and_the_moves_link_to_their_reflections(
    lead: Client,
) -> None:
    snapshot = rated_snapshot()
    item = snapshot.items.get(position=0)
    auc = {"mean": 0.75, "low": 0.5, "high": 1.0}
    result = {"rows": 4, "tasks": 4, "without": auc, "with": auc, "trial": auc, "gain": auc}
    moves = [{"key": 0, "before": 0.25, "after": 1.0}, {"key": 77, "before": 0.5, "after": 0.1}]
    Measurement.objects.create(
        kind="effect", snapshot=snapshot, status="done", result=result | {"moves": moves}
    )

    page = text(lead.get(f"/annotation/effects/{snapshot.pk}/"))

    assert page.count("0.50 to 1.00") == 3
    assert "+0.50 to +1.00" in page
    assert page.count(f'href="/annotation/reflections/{item.reflection_id}/"') == 2


# ---------- retraining ----------
def test_a_queue_is_retrained_on_a_frozen_snapshot_and_shows_what_changed(lead: Client) -> None:
    queue = queue_of(count=4, overlap=1)
    Reflection.objects.update(prompt="What went wrong?")
    fields = {"name": "round 1", "preset": "cpu-small"}

    made = lead.post(f"/annotation/queues/{queue.pk}/retrain/", fields)
    give(queue.items.order_by("pk")[0], person("ann"), override(1.0))
    lead.post(f"/annotation/queues/{queue.pk}/retrain/", fields | {"name": "round 2"})

    first, second = Retraining.objects.order_by("pk")
    assert made["Location"] == f"/annotation/retrainings/{first.pk}/"
    assert (first.run.stage, first.run.status) == ("reward_model", "queued")
    found = retraining.changes_since(second.snapshot, first.snapshot)
    assert (found.compared, found.changed, found.flipped) == (4, 1, 1)
    page = text(lead.get(f"/annotation/retrainings/{second.pk}/"))
    assert "with round 1" in page
    assert "round 2: reward model" in page
    assert "round 2</a>" in text(lead.get(f"/annotation/queues/{queue.pk}/"))


def test_a_name_that_is_taken_trains_nothing(lead: Client) -> None:
    queue = queue_of(count=2)
    Reflection.objects.update(prompt="What went wrong?")
    path, fields = f"/annotation/queues/{queue.pk}/retrain/", {"name": "r", "preset": "cpu-small"}
    lead.post(path, fields)

    for sent in (fields, {"name": "", "preset": "cpu-small"}, {"name": "s", "preset": "huge"}):
        assert lead.post(path, sent)["Location"] == f"/annotation/queues/{queue.pk}/"
    assert TrainingRun.objects.count() == 1


def test_two_reward_models_are_compared_on_the_held_out_items_that_both_scored() -> None:
    rows = reflections(6)
    Reflection.objects.update(prompt="What went wrong?")
    for row in rows[:3]:
        Reflection.objects.filter(pk=row.pk).update(effective_rating=1.0)
    snapshot = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="six")
    newer = scored(rows, [3.0, 2.0, 1.0, -1.0, -2.0, -3.0])
    older = Adapter.objects.create(
        family="judge", version=2, name="judge-v2", kind="reward_model", checksum="d" * 64
    )
    ModelScore.objects.bulk_create(
        ModelScore(adapter=older, reflection=row, score=float(place))
        for place, row in enumerate(rows)
    )
    items = list(snapshot.items.all())

    found = measuring._figures(
        items, measuring._scores(newer, items), measuring._scores(older, items)
    )

    assert (found["rows"], found["above"]) == (6, 3)
    assert (found["before"]["mean"], found["after"]["mean"]) == (0.0, 1.0)
    assert found["gain"]["mean"] == 1.0
    nothing_held_out = {"left_out": 0, "rows": 0, "tasks": 0, "above": 0}
    assert measuring.compared(snapshot, newer, older) == nothing_held_out


# ---------- sampling ----------
def test_samples_by_score_draw_the_surest_disagreement_and_the_nearest_to_the_boundary() -> None:
    rows = reflections(4)  # all rated 0
    adapter = scored(rows, [0.1, -4.0, 3.0, 1.0])
    selection = Selection([], size=2, adapter=adapter.pk, model_share=0.5, uncertain_share=0.5)

    assert sample(selection, seed=1) == {rows[2].pk: "model", rows[0].pk: "uncertain"}


def test_gold_is_put_in_although_people_answered_it_and_copies_are_asked_again() -> None:
    rows = reflections(4)
    lea = person("lea", "researcher")
    decide(rows[0].pk, lea, 1.0, gold=True)
    selection = Selection([], size=4, gold_share=0.25, again_share=0.25, unanswered=True)
    every = Selection([], size=8, gold_share=0.125, again_share=0.5)
    assert rows[0].pk not in asked_again(sample(every, seed=1), every, seed=1)

    queue = make_queue(lea, Terms("mixed"), selection, "")

    assert queue.items.get(source="gold").reflection == rows[0]
    again = queue.items.get(source="again")
    assert again.copy == 1
    assert queue.items.filter(reflection=again.reflection_id).count() == 2
    assert queue.items.count() == 4


def test_the_models_score_is_a_suggestion_of_its_own_and_waits_where_ratings_wait() -> None:
    queue = queue_of(count=1, shows_automatic=True)
    item = queue.items.get()
    Queue.objects.update(scored_by=scored([item.reflection], [0.0]))
    ann = signed_in(person("ann"))
    ann.post(f"/annotation/queues/{queue.pk}/next/")

    assert "50 % that it helps" in text(ann.get(address(item)))
    Queue.objects.update(shows_automatic=False)
    assert "that it helps" not in text(ann.get(address(item)))


# ---------- people ----------
def test_a_person_who_is_asked_again_counts_once_with_the_newest_value() -> None:
    rows = reflections(1)
    lea = person("lea", "researcher")
    selection = Selection([], size=2, again_share=0.5)
    queue = make_queue(lea, Terms("twice", overlap=1), selection, "")
    first, second = queue.items.order_by("copy")
    ann = person("ann")

    give(first, ann, override(1.0))
    give(second, ann, override(-1.0))

    assert effective(first) == -1.0
    found = statistics.agreement(queue).people[0]
    assert (found.same_again, found.asked_again) == (0, 1)
    assert rows[0].responses.count() == 2


def test_the_weeks_of_a_person_are_told_apart() -> None:
    queue = queue_of(count=3, overlap=1)
    days = ["2026-03-02", "2026-03-08", "2026-03-09"]  # Monday, Sunday, Monday
    rows = []
    for item, value, day in zip(queue.items.order_by("pk"), (1.0, 0.0, -1.0), days, strict=True):
        row = give(item, person("ann"), override(value))
        row.created_at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        rows.append(row)

    weeks = statistics.weeks(rows)

    assert [(week.monday.isoformat(), week.answers, week.bias) for week in weeks] == [
        ("2026-03-02", 2, 0.5),
        ("2026-03-09", 1, -1.0),
    ]


def test_a_rule_that_weighs_confidence_takes_the_weighted_mean() -> None:
    item = queue_of(count=1, overlap=2).items.get()
    sure, doubtful = override(1.0), override(0.0)
    give(item, person("ann"), sure)  # high: 3
    give(item, person("bob"), type(doubtful)("override", 0.0, 1, {}, [], [], ""))  # low: 1
    root = person("root", "administrator")

    change_rule(root, least_responses=2, tolerance=1.0, why="plain")
    plain = effective(item)
    change_rule(root, least_responses=2, tolerance=1.0, why="weighed", weighs_confidence=True)

    assert (plain, effective(item)) == (0.5, 0.75)


# ---------- roles ----------
PAGES = {
    "/annotation/counterfactuals/": "viewer",
    "/annotation/counterfactuals/{reflection}/": "viewer",
    "/annotation/effects/{snapshot}/": "viewer",
    "/annotation/retrainings/{retraining}/": "viewer",
}
ACTS = {
    "/annotation/counterfactuals/{reflection}/ask/": "researcher",
    "/annotation/queues/{queue}/counterfactual/": "researcher",
    "/annotation/effects/{snapshot}/ask/": "researcher",
    "/annotation/queues/{queue}/retrain/": "researcher",
    "/annotation/retrainings/{retraining}/compare/": "researcher",
    "/annotation/scores/{adapter}/": "researcher",
}


def test_pages_and_acts_check_the_role_and_the_method() -> None:
    queue = queue_of(count=2)
    Reflection.objects.update(prompt="What went wrong?")
    lea = person("lea", "researcher")
    made = retraining.retrain(queue, lea, name="r", preset="cpu-small")
    one = queue.items.order_by("pk")[0].reflection
    ids = {
        "reflection": one.pk,
        "snapshot": made.snapshot_id,
        "retraining": made.pk,
        "queue": queue.pk,
        "adapter": scored([one], [1.0]).pk,
    }
    viewer, ann = signed_in(person("vic", "viewer")), signed_in(person("ann"))
    stranger, leader = signed_in(person("sam", "")), signed_in(lea)

    for path in PAGES:
        place = path.format(**ids)
        assert viewer.get(place).status_code == 200, path
        assert stranger.get(place).status_code == 403, path
        assert leader.post(place).status_code == 405, path
    for path in ACTS:
        place = path.format(**ids)
        assert ann.post(place).status_code == 403, path
        assert leader.get(place).status_code in (404, 405), path
        assert leader.post(place).status_code == 302, path
        assert leader.post(path.format(**dict.fromkeys(ids, HUGE[:18]))).status_code == 404, path
