"""The official HotPotQA files as tasks, read one question at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retro_core.envs.json_records import read_json_records
from retro_core.errors import InvalidInput
from retro_core.types import Task

Raw = Mapping[str, Any]  # one question of a file


def official_tasks(path: Path, split: str = "") -> Iterator[Task]:
    """Read `hotpot_train_v1.1.json`, `hotpot_dev_distractor_v1.json` or the same as JSON lines.

    Without a `split`, a file with "train" in its name gives "train", any other "valid_unseen".
    Raises InvalidInput that names the question or line that cannot be read.
    """
    chosen = split or ("train" if "train" in path.name else "valid_unseen")
    for place, raw in _questions(path):
        try:
            yield _task(raw, chosen)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise InvalidInput(f"{path.name}, {place}: {error!r}.") from error


def _questions(path: Path) -> Iterator[tuple[str, Raw]]:
    if path.suffix != ".jsonl":
        for number, record in enumerate(read_json_records(path), start=1):
            yield f"question {number}", record.value
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield f"line {number}", _parse_line(line, path, number)


def _parse_line(line: str, path: Path, number: int) -> Raw:
    try:
        question: Raw = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{path.name}, line {number}: {error}.") from error
    return question


def _task(raw: Raw, split: str) -> Task:
    identity = str(raw["id"] if "id" in raw else raw["_id"])
    titles = [_title(fact) for fact in raw.get("supporting_facts", ())]
    return Task(
        id=f"hotpotqa-{identity}",
        environment="hotpotqa",
        goal=str(raw["question"]),
        split=split,
        task_type=str(raw.get("type", "")),
        payload={
            "question": str(raw["question"]),
            "answer": str(raw["answer"]),
            "level": str(raw.get("level", "")),
            "supporting_titles": list(dict.fromkeys(titles)),
            "paragraphs": [_paragraph(one) for one in raw["context"]],
        },
    )


def _title(fact: Raw | Sequence[Any]) -> str:
    """The official files hold [title, sentence]; the line format names the two."""
    return str(fact["title"] if isinstance(fact, Mapping) else fact[0])


def _paragraph(raw: Raw | Sequence[Any]) -> dict[str, Any]:
    if isinstance(raw, Mapping):
        return {"title": str(raw["title"]), "sentences": [str(one) for one in raw["sentences"]]}
    title, sentences = raw
    return {"title": str(title), "sentences": [str(one) for one in sentences]}
