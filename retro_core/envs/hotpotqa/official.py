"""The official HotPotQA files as tasks, read one question at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retro_core.envs.json_records import read_json_records
from retro_core.envs.listed import Listed, tasks_or_error
from retro_core.errors import InvalidInput
from retro_core.types import Task

Raw = Mapping[str, Any]  # one question of a file


def official_tasks(path: Path, split: str = "") -> Iterator[Task]:
    """Read `hotpot_train_v1.1.json`, `hotpot_dev_distractor_v1.json` or the same as JSON lines.

    Without a `split`, a file with "train" in its name gives "train", any other "valid_unseen".
    Raises BadRecords that name the question or line that cannot be read.
    """
    return tasks_or_error(listed_tasks(path, split))


def listed_tasks(path: Path, split: str = "") -> Iterator[Listed]:
    """The same, record by record: bad ones are listed with the reason, and the reading goes on.

    What follows broken JSON in an array cannot be read any more.
    """
    chosen = split or ("train" if "train" in path.name else "valid_unseen")
    lines = path.suffix == ".jsonl"
    for number, raw in _lines(path) if lines else _records(path):
        if isinstance(raw, InvalidInput):
            yield Listed(path.name, number, problem=str(raw))
            continue
        try:
            task = _task(raw, chosen)
        except KeyError as error:
            yield Listed(path.name, number, problem=f"the question has no {error}")
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            yield Listed(path.name, number, problem=f"not of a question's form: {error}")
        else:
            yield Listed(path.name, number, task)


def _records(path: Path) -> Iterator[tuple[int, Raw | InvalidInput]]:
    number = 0
    try:
        for number, record in enumerate(read_json_records(path), start=1):
            yield number, record.value
    except InvalidInput as error:
        yield number + 1, error


def _lines(path: Path) -> Iterator[tuple[int, Raw | InvalidInput]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parsed(line)


def _parsed(line: bytes) -> Raw | InvalidInput:
    try:
        question: Raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        return InvalidInput(f"not JSON: {error}")
    return question


def _task(raw: Raw, split: str) -> Task:
    identity = str(raw["id"] if "id" in raw else raw["_id"])
    question, answer = _words(raw["question"], "question"), _words(raw["answer"], "answer")
    titles = [_title(fact) for fact in raw.get("supporting_facts", ())]
    return Task(
        id=f"hotpotqa-{identity}",
        environment="hotpotqa",
        goal=question,
        split=split,
        task_type=str(raw.get("type", "")),
        payload={
            "question": question,
            "answer": answer,
            "level": str(raw.get("level", "")),
            "supporting_titles": list(dict.fromkeys(titles)),
            "paragraphs": [_paragraph(one) for one in raw["context"]],
        },
    )


def _words(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"its {name} is no text, or empty")
    return value


def _title(fact: Raw | Sequence[Any]) -> str:
    """The official files hold [title, sentence]; the line format names the two."""
    return str(fact["title"] if isinstance(fact, Mapping) else fact[0])


def _paragraph(raw: Raw | Sequence[Any]) -> dict[str, Any]:
    if isinstance(raw, Mapping):
        return {"title": str(raw["title"]), "sentences": [str(one) for one in raw["sentences"]]}
    title, sentences = raw
    return {"title": str(title), "sentences": [str(one) for one in sentences]}
