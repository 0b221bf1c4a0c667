"""Every address of annotation, and whom it is for: nobody below that role gets a page or a part."""

import re

import pytest
from django.test import Client

from tests.webapp.annotated import override, person, queue_of, signed_in
from tests.webapp.measured import scored
from webapp.accounts.roles import ROLES
from webapp.annotation.models import Batch
from webapp.annotation.services import answers, retraining
from webapp.annotation.urls import urlpatterns
from webapp.episodes.models import Reflection

pytestmark = pytest.mark.django_db
FOR: dict[str, str] = {
    **dict.fromkeys(["list", "queue", "agreement", "history", "discussion"], "viewer"),
    "guidelines_version": "viewer",
    **dict.fromkeys(["counterfactuals", "counterfactual", "effect", "retraining"], "viewer"),
    **dict.fromkeys(["next", "item", "take", "skip", "draft", "beat", "submit"], "annotator"),
    **dict.fromkeys(["undo", "bulk", "bulk_answer", "batch", "batch_undo"], "annotator"),
    "comment": "annotator",
    "withdraw": "researcher",
    **dict.fromkeys(["new", "change", "guidelines", "act", "disputes", "decide"], "researcher"),
    **dict.fromkeys(["import", "jsonl", "parquet", "argilla", "label_studio"], "researcher"),
    **dict.fromkeys(["queue_counterfactual", "counterfactual_ask"], "researcher"),
    **dict.fromkeys(["retrain", "retraining_compare", "effect_ask", "score_all"], "researcher"),
    **dict.fromkeys(["audit", "revert", "rule"], "administrator"),
}
PARTS = ["queues", "progress", "items", "outcome", "agreement", "disputes", "events"]
PARTS += ["counterfactuals", "replays", "refit", "compared", "discussion"]


@pytest.fixture
def ids() -> dict[str, object]:
    """Something that exists for every part of an address."""
    queue = queue_of(count=2)
    item = queue.items.order_by("pk")[0]
    ann = person("owner of an answer")
    key = answers.submission_key(item.pk, ann.pk)
    Reflection.objects.update(prompt="What went wrong?")
    made = retraining.retrain(queue, person("lea"), name="round 1", preset="cpu-small")
    return {
        "queue_id": queue.pk,
        "item_id": item.pk,
        "reflection_id": item.reflection_id,
        "response_id": answers.submit(item.pk, ann, override(1.0), key).pk,
        "batch_id": Batch.objects.create(queue=queue, person=ann, size=0).pk,
        "snapshot_id": made.snapshot_id,
        "retraining_id": made.pk,
        "adapter_id": scored([item.reflection], [1.0]).pk,
        "kind": "reflection",
        "target_id": item.reflection_id,
        "action": "close",
        "version": 1,
    }


def addresses(ids: dict[str, object]) -> dict[str, str]:
    """Every address of the feature by its name."""
    return {str(one.name): f"/annotation/{filled_in(str(one.pattern), ids)}" for one in urlpatterns}


def filled_in(path: str, ids: dict[str, object]) -> str:
    return re.sub(r"<\w+:(\w+)>", lambda found: str(ids[found[1]]), path)


def answers_to(client: Client, path: str) -> set[int]:
    """The page, every part of it, and a post."""
    headers = [{"HX-Request": "true", "HX-Target": part} for part in PARTS]
    asked = [client.get(path), *(client.get(path, headers=one) for one in headers)]
    return {response.status_code for response in [*asked, client.post(path)]}


def test_every_address_has_its_role_in_this_table(ids: dict[str, object]) -> None:
    paths = addresses(ids)

    assert paths.keys() == FOR.keys()
    assert not [path for path in paths.values() if "<" in path]


def test_whoever_is_below_the_role_gets_neither_page_nor_part(ids: dict[str, object]) -> None:
    below = {"stranger": signed_in(person("stranger", ""))}
    below |= {role: signed_in(person(f"a {role}", role)) for role in ROLES}
    wrong = [
        (name, role)
        for name, path in addresses(ids).items()
        for role in ["stranger", *ROLES[: ROLES.index(FOR[name])]]
        if not answers_to(below[role], path) <= {403, 405}
    ]

    assert wrong == []


def test_nobody_reads_the_batch_or_takes_back_the_answer_of_another(
    ids: dict[str, object],
) -> None:
    boss, paths = signed_in(person("boss", "administrator")), addresses(ids)

    assert boss.get(paths["batch"]).status_code == 404
    assert boss.post(paths["batch_undo"]).status_code == 404
    assert boss.post(paths["undo"]).status_code == 404
