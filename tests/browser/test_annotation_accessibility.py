"""Annotation, its effects and notifications: no violation by axe, no sideways scrolling."""

import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests.browser.test_accessibility import faults_of
from tests.webapp.annotated import give, override, reflections
from webapp.adapters.models import Adapter
from webapp.annotation.models import Counterfactual, Measurement, ModelScore, Queue, Replay
from webapp.annotation.services import comments, retraining
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.episodes.models import Reflection

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def addresses(administrator: User) -> dict[str, str]:
    """Each page in a state that shows much of it."""
    rows = reflections(4)
    Reflection.objects.update(prompt="What went wrong?")
    judge = Adapter.objects.create(
        family="judge", version=1, name="judge-v1", kind="reward_model", checksum="c" * 64
    )
    ModelScore.objects.create(adapter=judge, reflection=rows[0], score=-1.5)
    terms = Terms("doors queue", scored_by_id=judge.pk)
    queue = make_queue(administrator, terms, Selection([], size=4), "Be fair.")
    made = retraining.retrain(queue, administrator, name="round 1", preset="cpu-small")
    answered = queue.items.get(reflection=rows[1])
    give(answered, administrator, override(1.0))
    _replayed(rows[0])
    _measured(made.snapshot_id)
    other = User.objects.create_superuser("lea")
    comments.add(rows[0], other, "What do you think, @admin?")
    comments.add(rows[0].experiment, administrator, "Worth a second look.")
    return {
        "counterfactuals": "/annotation/counterfactuals/",
        "counterfactual": f"/annotation/counterfactuals/{rows[0].pk}/",
        "effect": f"/annotation/effects/{made.snapshot_id}/",
        "retraining": f"/annotation/retrainings/{made.pk}/",
        "queue": f"/annotation/queues/{queue.pk}/",
        "new queue": "/annotation/queues/new/",
        "agreement": f"/annotation/queues/{queue.pk}/agreement/",
        "history": f"/annotation/reflections/{rows[0].pk}/",
        "discussion": f"/annotation/discussions/experiment/{rows[0].experiment_id}/",
        "audit": "/annotation/audit/",
        "notifications": "/notifications/",
    }


def _replayed(reflection: Reflection) -> None:
    row = Counterfactual.objects.create(
        reflection=reflection, pairs=2, temperature=0.5, status="done", mean=0.5, low=-5.9, high=6.9
    )
    for pair, shown in ((0, True), (0, False), (1, True), (1, False)):
        solved = shown and pair == 0
        Replay.objects.create(
            counterfactual=row,
            pair=pair,
            shown=shown,
            seed=pair,
            success=solved,
            episode_return=float(solved),
            step_count=2,
            actions=["look", "open blue"],
        )


def _measured(snapshot_id: int) -> None:
    auc = {"mean": 0.75, "low": 0.5, "high": 1.0}
    names = ("without", "with", "trial", "gain")
    moves = [{"key": 0, "before": 0.25, "after": 1.0}, {"key": 1, "before": 0.75, "after": 0.5}]
    result = {"rows": 4, "tasks": 4, "moves": moves} | dict.fromkeys(names, auc)
    Measurement.objects.create(kind="effect", snapshot_id=snapshot_id, status="done", result=result)


@pytest.mark.timeout(400)  # every page, twice, on few cores
def test_no_page_of_annotation_has_a_violation(page: "Page", administrator: User) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    faults = {}

    for name, address in addresses(administrator).items():
        page.goto(address)
        if found := faults_of(page):
            faults[name] = found

    assert not faults, "\n".join(f"{name}: {text}" for name, text in faults.items())
    assert errors == []


def test_the_rail_counts_what_is_unread_and_opening_it_marks_it(
    page: "Page", administrator: User
) -> None:
    addresses(administrator)
    page.goto("/notifications/")
    rail = page.get_by_role("banner").get_by_role("link", name=re.compile("Notifications"))
    expect(rail).to_contain_text("1 unread")

    page.get_by_role("button", name=re.compile("lea mentioned you")).click()
    page.wait_for_url("**/annotation/reflections/**")

    expect(page.get_by_text("What do you think, @admin?")).to_be_visible()
    page.goto("/notifications/")
    page.wait_for_load_state("networkidle")
    expect(rail).not_to_contain_text("unread")


def test_the_models_score_is_apart_and_stays_hidden_once_it_was_closed(
    page: "Page", administrator: User
) -> None:
    addresses(administrator)
    scored = Queue.objects.get().items.get(reflection__scores__isnull=False)
    page.goto(f"/annotation/queues/{scored.queue_id}/items/{scored.pk}/")
    page.get_by_role("button", name="Take this item").click()
    fold = page.locator("details.from-model")
    expect(fold).to_contain_text("18 % that it helps")

    fold.locator("summary").click()
    # browsers tell of the fold a moment after it has closed
    page.wait_for_function("localStorage.getItem('fold model-score') === 'closed'")
    page.reload()

    expect(fold).not_to_have_attribute("open", "")
