"""What a lead does: queues, guidelines, bulk, agreement, decisions, changes."""

import pytest
from django.test import Client

from retro_core.errors import InvalidInput
from tests.webapp.annotated import (
    HUGE,
    UNSURE,
    address,
    effective,
    give,
    override,
    person,
    queue_of,
    reflections,
    signed_in,
)
from tests.webapp.pages import text
from webapp.annotation.models import (
    Batch,
    Comment,
    Queue,
    QueueItem,
    RatingEvent,
    RatingRule,
    Response,
)
from webapp.annotation.services.deciding import decide
from webapp.annotation.services.making import Selection, Terms, make_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> Queue:
    return queue_of(count=2, overlap=2)


@pytest.fixture
def item(queue: Queue) -> QueueItem:
    return queue.items.order_by("pk")[0]


@pytest.fixture
def ann() -> Client:
    return signed_in(person("ann"))


def test_a_new_queue_draws_the_zero_ratings_and_the_control_share() -> None:
    queue_of(count=10)
    lead = signed_in(person("lea", "researcher"))
    fields = {"name": "next", "overlap": 2, "priority": 0, "rating": "any", "size": 8, "seed": 1}
    shares = {"zero_share": 50, "disputed_share": 0, "control_share": 25}

    made = lead.post("/annotation/queues/new/", fields | shares | {"guidelines": "# Fair"})

    queue = Queue.objects.get(name="next")
    sources = list(queue.items.values_list("source", flat=True))
    assert made["Location"] == f"/annotation/queues/{queue.pk}/"
    assert (sources.count("control"), sources.count("zero"), sources.count("filter")) == (2, 4, 2)
    assert queue.guidelines.get().version == 1


def test_shares_over_the_whole_are_refused() -> None:
    queue_of(count=2)
    lead = signed_in(person("lea", "researcher"))
    fields = {"name": "n", "overlap": 99, "priority": 0, "rating": "any", "size": 2, "seed": 0}

    refused = lead.post(
        "/annotation/queues/new/",
        fields | {"zero_share": 80, "disputed_share": 0, "control_share": 80},
    )

    assert refused.status_code == 422
    assert Queue.objects.count() == 1


def test_guidelines_are_versioned_and_their_html_is_harmless(queue: Queue) -> None:
    lead = signed_in(person("lea", "researcher"))
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://e/x.png) **bold**"

    lead.post(f"/annotation/queues/{queue.pk}/guidelines/", {"text": evil, "seen": 1})
    page = text(lead.get(f"/annotation/queues/{queue.pk}/"))

    assert queue.guidelines.count() == 2
    assert "<strong>bold</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert "<img" not in page


def test_bulk_is_previewed_then_applied_then_undone() -> None:
    queue = queue_of(count=12, overlap=1)
    ann = signed_in(person("ann"))
    path = f"/annotation/queues/{queue.pk}/bulk/answer/"
    chosen = {"item": list(queue.items.values_list("pk", flat=True)), "kind": "accept"}

    preview = ann.post(path, chosen)
    assert "Apply to 12 items" in text(preview)
    assert not Response.objects.exists()

    applied = ann.post(path, chosen | {"apply": "yes"})
    batch = Batch.objects.get()
    assert applied["Location"] == f"/annotation/batches/{batch.pk}/"
    assert "Undo all 12" in text(ann.get(applied["Location"]))
    assert signed_in(person("ben")).get(applied["Location"]).status_code == 404

    ann.post(f"/annotation/batches/{batch.pk}/undo/")
    assert not Response.objects.current().exists()


def test_a_bulk_answer_leaves_what_was_answered_meanwhile() -> None:
    queue = queue_of(count=12, overlap=1)
    ann = person("ann")
    path = f"/annotation/queues/{queue.pk}/bulk/answer/"
    items = list(queue.items.order_by("pk"))
    chosen = {"item": [item.pk for item in items], "kind": "accept", "apply": "yes"}
    give(items[0], ann, override(0.5))

    for _ in range(2):  # a double click
        signed_in(ann).post(path, chosen)

    assert [batch.size for batch in Batch.objects.order_by("pk")] == [11, 0]
    assert effective(items[0]) == 0.5
    assert Response.objects.count() == 12


def test_a_bulk_choice_outlives_an_error_under_a_filter() -> None:
    queue = queue_of(count=12, overlap=1)
    path = f"/annotation/queues/{queue.pk}/bulk/answer/?rating=0"
    chosen = {"item": list(queue.items.values_list("pk", flat=True)), "kind": "override"}

    refused = text(signed_in(person("ann")).post(path, chosen))

    assert "Give the value" in refused
    assert "bulk/answer/?rating=0" in refused
    assert refused.count(" checked") == 12


def test_bulk_wants_ten_to_a_hundred(ann: Client, queue: Queue) -> None:
    path = f"/annotation/queues/{queue.pk}/bulk/answer/"

    refused = ann.post(path, {"item": ["1", "x", HUGE], "kind": "unsure", "apply": "yes"})

    assert refused.status_code == 422
    assert "Choose from 10 to 100" in text(refused)


def test_the_agreement_page_shows_alpha_of_the_answers() -> None:
    queue = queue_of(count=2, overlap=2)
    ann, ben = person("ann"), person("ben")
    for item, value in zip(queue.items.all(), (0.0, 1.0), strict=True):
        give(item, ann, override(value))
        give(item, ben, override(value))

    page = text(signed_in(person("vic", "viewer")).get(f"/annotation/queues/{queue.pk}/agreement/"))

    assert "<dd>1.00</dd>" in page
    assert "ann and ben" in page


def test_gold_and_single_values_are_not_told_to_those_who_still_answer() -> None:
    queue = queue_of(count=2, overlap=2, shows_gold=False)
    item, ann = queue.items.order_by("pk")[0], person("ann")
    give(item, ann, override(0.625))
    decide(item.reflection_id, person("lea", "researcher"), 0.625, gold=True)
    path = f"/annotation/queues/{queue.pk}/agreement/"

    asked, lead = (text(signed_in(who).get(path)) for who in (person("ben"), person("lea")))

    assert "1 of 1" in lead
    assert "+0.62" in lead
    assert "1 of 1" not in asked
    assert "+0.62" not in asked
    assert ">0 %<" in lead
    assert ">0 %<" not in asked  # the share accepted, which of one answer is that answer


def test_a_queue_that_is_sent_twice_at_once_is_refused_the_second_time() -> None:
    queue = queue_of(count=1)
    terms, selection = Terms(queue.name), Selection([], size=1)

    with pytest.raises(InvalidInput, match="There is a queue named"):
        make_queue(person("lea", "researcher"), terms, selection, "")


def test_a_queue_whose_items_are_all_answered_says_that_no_work_is_left(ann: Client) -> None:
    queue = queue_of(count=1, overlap=1)
    path = f"/annotation/queues/{queue.pk}/"
    assert "known after a few answers" in text(ann.get(path))

    give(queue.items.get(), person("ann"), override(0.5))

    assert "none: every item is answered" in text(ann.get(path))


def test_a_long_task_key_is_cut_in_the_middle(ann: Client) -> None:
    reflections(1, name="alfworld-valid_unseen-202")

    page = text(ann.get("/reflections/"))

    assert '<span title="alfworld-valid_unseen-202-0">alfworld…seen-202-0</span>, trial 1' in page


def test_a_dispute_is_decided_with_its_reason_and_becomes_gold(item: QueueItem) -> None:
    give(item, person("ann"), override(1.0))
    give(item, person("ben"), UNSURE)
    lead = signed_in(person("lea", "researcher"))
    assert item.reflection.text[:20] in text(
        lead.get(f"/annotation/queues/{item.queue_id}/disputes/")
    )

    lead.post(address(item, "decide/"), {"value": "-1", "why": "It misleads.", "gold": "on"})

    assert effective(item) == -1.0
    agreement = text(lead.get(f"/annotation/queues/{item.queue_id}/agreement/"))
    assert "0 of 1" in agreement
    assert lead.post(address(item, "decide/"), {"value": "nan", "why": ""}).status_code == 422


def test_an_administrator_reverts_many_from_the_list(queue: Queue) -> None:
    for item in queue.items.all():
        give(item, person("ann"), override(1.0))
    boss = signed_in(person("boss", "administrator"))
    events = list(RatingEvent.objects.values_list("pk", flat=True))

    boss.post("/annotation/audit/revert/", {"event": events, "why": " "})
    assert Response.objects.current().count() == len(events)  # nobody takes back without a reason
    boss.post("/annotation/audit/revert/", {"event": [*events, "x", HUGE], "why": "Wrong guide"})

    assert [effective(item) for item in queue.items.all()] == [0.0, 0.0]
    assert "Wrong guide" in text(boss.get("/annotation/audit/?person=boss"))


def test_the_first_version_of_the_rule_is_shown_before_anybody_answered() -> None:
    boss = signed_in(person("boss", "administrator"))

    assert (
        'name="tolerance" min="0" step="any" value="0.0"'
        in boss.get("/annotation/audit/").content.decode()
    )


def test_a_new_version_of_the_rule_is_listed() -> None:
    boss = signed_in(person("boss", "administrator"))

    boss.post("/annotation/rule/", {"least_responses": 2, "tolerance": "0.1", "why": "Two"})
    boss.post("/annotation/rule/", {"least_responses": 0, "tolerance": "x", "why": ""})

    assert RatingRule.objects.latest("version").least_responses == 2
    assert RatingRule.objects.count() == 2


def test_comments_are_shown_and_an_empty_one_is_not(item: QueueItem) -> None:
    path = f"/annotation/discussions/reflection/{item.reflection_id}/add/"
    lead = signed_in(person("lea", "researcher"))

    lead.post(path, {"text": "<b>Look</b> at step 2", "next": "//evil.example/"})
    lead.post(path, {"text": " "})

    assert Comment.objects.get().text == "<b>Look</b> at step 2"
    assert "&lt;b&gt;Look" in text(lead.get(f"/annotation/reflections/{item.reflection_id}/"))
