"""The official files of the three worlds as rows of task sets."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from django.conf import settings

from retro_core.envs.alfworld import official as alfworld
from retro_core.envs.hotpotqa.official import official_tasks as hotpotqa_tasks
from retro_core.envs.webshop.official import official_tasks as webshop_tasks
from retro_core.errors import InvalidInput
from retro_core.types import Task
from webapp.exchange.columns import Row
from webapp.exchange.reading import RowSource, unpack
from webapp.exchange.requests import ImportRequest
from webapp.exchange.tables import TABLES
from webapp.exchange.writing import JsonlFile

BATCH = 200
LONGEST_NAME = 100


def row_sources(path: Path, request: ImportRequest, work: Path) -> list[RowSource]:
    """Read an official file into rows beside it. Raises InvalidInput that names what is bad."""
    target = work / "tasks.jsonl"
    found = _tasks(path, request, work)
    file = JsonlFile(target, TABLES["tasks"].columns)
    try:
        for rows in _rows(found, request.task_set or path.stem, path.name):
            file.write(rows)
    finally:
        file.close()
    return [RowSource(target, path.name, TABLES["tasks"])]


def _tasks(path: Path, request: ImportRequest, work: Path) -> Iterable[Task]:
    match request.kind:
        case "hotpotqa":
            return hotpotqa_tasks(_one_file(path, work, (".json", ".jsonl")), request.split)
        case "alfworld":
            found: Iterable[Task] = alfworld.load_tasks(_folder(path, work / "unpacked"))
        case _:
            folder = _folder(path, _catalogue_folder(path))
            found = webshop_tasks(str(_holding(folder, "items_shuffle*.json")))
    return (task for task in found if request.split in ("", task.split))


def _rows(tasks: Iterable[Task], name: str, source: str) -> Iterator[list[Row]]:
    """Rows of one task set for each split, some at a time."""
    sizes: Counter[str] = Counter()
    stream = iter(tasks)
    while batch := list(islice(stream, BATCH)):
        rows = []
        for task in batch:
            rows.append(_row(task, f"{name[:LONGEST_NAME]} {task.split}", sizes, source))
        yield rows


def _row(task: Task, task_set: str, sizes: Counter[str], source: str) -> Row:
    position = sizes[task_set]
    sizes[task_set] += 1
    return {
        "task_set": task_set,
        "task_set_split": task.split,
        "task_set_source": source[:200],
        "position": position,
        "environment": task.environment,
        "task_id": task.id,
        "split": task.split,
        "task_type": task.task_type,
        "goal": task.goal,
        "payload": json.dumps(dict(task.payload), ensure_ascii=False),
    }


def _folder(path: Path, target: Path) -> Path:
    """A folder as it is; a zip unpacked."""
    if path.is_dir():
        return path
    if path.suffix.lower() != ".zip":
        raise InvalidInput(f"{path.name} is neither a zip nor a folder on the server.")
    if not target.is_dir():
        part = target.with_name(target.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        unpack(path, part)
        part.rename(target)
    return target


def _one_file(path: Path, work: Path, endings: tuple[str, ...]) -> Path:
    if path.suffix.lower() != ".zip":
        return path
    inside = [p for p in sorted(_folder(path, work / "unpacked").rglob("*")) if p.is_file()]
    found = [p for p in inside if p.suffix in endings]
    if len(found) != 1:
        raise InvalidInput(f"The zip must hold one {' or '.join(endings)} file, not {len(found)}.")
    return found[0]


def _holding(folder: Path, pattern: str) -> Path:
    """The folder below that holds the files, however the zip nests them."""
    found = sorted(folder.rglob(pattern), key=lambda path: len(path.parts))
    if not found:
        raise InvalidInput(f"{folder.name} holds no {pattern}.")
    return found[0].parent


def _catalogue_folder(path: Path) -> Path:
    """Products are read while tasks are played, so they stay; equal files share one place."""
    if path.is_dir():
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    places = Path(settings.DATA_DIR) / "catalogues"
    places.mkdir(parents=True, exist_ok=True)
    return places / digest[:16]
