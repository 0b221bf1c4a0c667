"""A queue in the JSON of two other annotation tools: Argilla's records, Label Studio's tasks."""

from collections import defaultdict
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from webapp.annotation.models import Queue, QueueItem, Response
from webapp.annotation.models.responses import SPAN_LABELS
from webapp.episodes.models import Step

Json = dict[str, Any]  # as the formats define it


def argilla_records(queue: Queue) -> list[Json]:
    """What Argilla's `Dataset.records.from_json` reads, each with its answers in force."""
    return [_record(item, answers, text) for item, answers, text in _items(queue)]


def label_studio_tasks(queue: Queue) -> list[Json]:
    """What Label Studio imports as tasks with annotations and a prediction."""
    return [_task(item, answers, text) for item, answers, text in _items(queue)]


def _items(queue: Queue) -> list[tuple[QueueItem, list[Response], str]]:
    items = list(
        queue.items.select_related("reflection__episode__task")
        .defer("reflection__prompt", "reflection__episode__task__payload")
        .order_by("pk")
    )
    answers: dict[int, list[Response]] = defaultdict(list)
    rows = Response.objects.current().filter(item__queue=queue).select_related("person")
    for row in rows.order_by("pk"):
        answers[row.item_id].append(row)
    texts: dict[int, list[str]] = defaultdict(list)
    steps = Step.objects.filter(episode__reflection__queue_items__queue=queue)
    for step in steps.order_by("episode", "index").only("episode", "action", "observation"):
        texts[step.episode_id] += [f"> {step.action}", step.observation]
    return [(i, answers[i.pk], "\n".join(texts[i.reflection.episode_id])) for i in items]


def _fields(item: QueueItem, trajectory: str) -> dict[str, str]:
    reflection = item.reflection
    return {
        "goal": reflection.episode.task.goal,
        "trajectory": trajectory,
        "reflection": reflection.text,
    }


def _record(item: QueueItem, answers: list[Response], trajectory: str) -> Json:
    automatic = item.reflection.automatic_rating
    suggestion = {"value": f"{automatic:.12g}", "score": None, "agent": "automatic rating"}
    valued = [row for row in answers if row.value is not None]
    return {
        "id": f"{item.reflection_id}-{item.copy}",  # one of them is asked again
        "status": "completed" if len(answers) >= item.queue.overlap else "pending",
        "fields": _fields(item, trajectory),
        "metadata": {"trial": item.reflection.episode.trial, "source": item.source},
        "suggestions": {} if automatic is None else {"rating": suggestion},
        "responses": {
            "answer": [_argilla_value(row, row.kind) for row in answers],
            "rating": [_argilla_value(row, f"{row.value:.12g}") for row in valued],
            "note": [_argilla_value(row, row.note) for row in answers if row.note],
        },
        "vectors": {},
    }


def _argilla_value(row: Response, value: str) -> Json:
    person = uuid5(NAMESPACE_URL, f"person/{row.person.get_username()}")
    return {"value": value, "user_id": str(person)}


def _task(item: QueueItem, answers: list[Response], trajectory: str) -> Json:
    automatic = item.reflection.automatic_rating
    prediction = {"model_version": "automatic rating", "result": [_number(automatic)]}
    return {
        "id": item.pk,
        "data": _fields(item, trajectory) | {"automatic_rating": automatic},
        "annotations": [_annotation(row, item.reflection.text) for row in answers],
        "predictions": [] if automatic is None else [prediction],
    }


def _annotation(row: Response, text: str) -> Json:
    """Who answered is a field of its own: Label Studio takes only people that it knows."""
    result: list[Json] = [
        _result("answer", "choices", {"choices": [row.kind]}),
        _result("annotator", "textarea", {"text": [row.person.get_username()]}),
    ]
    if row.value is not None:
        result.append(_number(row.value))
    if row.note:
        result.append(_result("note", "textarea", {"text": [row.note]}))
    if row.reasons:
        result.append(_result("reasons", "choices", {"choices": row.reasons}))
    for name, judged in row.rubric.items():
        result.append(_result(name, "choices", {"choices": [judged]}))
    for span in row.spans:
        place = {"start": span["start"], "end": span["end"]}
        words = {"text": text[span["start"] : span["end"]], "labels": [SPAN_LABELS[span["label"]]]}
        result.append(_result("highlight", "labels", place | words))
    by = {"completed_by": {"email": row.person.email}} if row.person.email else {}
    return by | {
        "created_at": row.created_at.isoformat(),
        "lead_time": row.seconds,
        "was_cancelled": row.kind == Response.Kind.DISCARD,
        "result": [one | {"id": f"{row.pk}-{place}"} for place, one in enumerate(result)],
    }


def _number(value: float | None) -> Json:
    return _result("rating", "number", {"number": value})


def _result(name: str, kind: str, value: Json) -> Json:
    return {"from_name": name, "to_name": "reflection", "type": kind, "value": value}
