"""The official files of the three worlds as rows of task sets."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from retro_core.envs.alfworld.official import listed_games
from retro_core.envs.hotpotqa.official import listed_tasks
from retro_core.envs.listed import BadRecords, Listed
from retro_core.envs.webshop.official import catalogue_digest, official_tasks
from retro_core.errors import InvalidInput
from retro_core.types import Task
from webapp.exchange.columns import Row
from webapp.exchange.reading import Found, unpack
from webapp.exchange.requests import ImportRequest
from webapp.exchange.tables import TABLES
from webapp.tasks import models

LONGEST_NAME = 100
ENDINGS = {".json", ".jsonl"}


@dataclass(frozen=True, slots=True)
class OfficialSource:
    """An official file or folder, read anew each time that its rows are asked for."""

    path: Path
    name: str
    request: ImportRequest

    def rows(self) -> Iterator[Found]:
        """One row for each question, game or goal: of one task set for each split."""
        sizes: Counter[str] = Counter()
        title = (self.request.task_set or Path(self.name).stem)[:LONGEST_NAME]
        for one in self._listed():
            values: Row = {}
            if one.task is not None:
                name = f"{title} {one.task.split}"
                values = _row(one.task, name, sizes[name], self.name)
                sizes[name] += 1
            yield Found(TABLES["tasks"], one.file, one.number, values, one.problem)

    def _listed(self) -> Iterator[Listed]:
        if self.request.kind == "hotpotqa":
            return listed_tasks(self.path, self.request.split)
        listed = listed_games(self.path) if self.request.kind == "alfworld" else _goals(self.path)
        wanted = self.request.split
        return (one for one in listed if one.task is None or wanted in ("", one.task.split))


def row_sources(path: Path, request: ImportRequest, work: Path) -> list[OfficialSource]:
    """What an official file holds. Raises InvalidInput where it is none."""
    return [OfficialSource(_place(path, request, work), path.name, request)]


def _place(path: Path, request: ImportRequest, work: Path) -> Path:
    match request.kind:
        case "hotpotqa":
            return _one_file(path, work)
        case "alfworld":
            return _folder(path, work / "unpacked")
        case _:
            return _holding(_folder(path, _catalogue_folder(path)), "items_shuffle*.json")


def _goals(folder: Path) -> Iterator[Listed]:
    """The goals of a shop, or everything that is wrong with it: they are numbered through."""
    name = folder.name
    try:
        for number, task in enumerate(_shop_tasks(folder), start=1):
            yield Listed(name, number, task)
    except BadRecords as error:
        yield from error.records


def _shop_tasks(folder: Path) -> Iterator[Task]:
    """The same files in another place are the same shop: its tasks stay as they were stored."""
    place = _stored_place(f"webshop-{catalogue_digest(str(folder))}-0") or str(folder)
    numbered = models.Task.objects.filter(environment="webshop", key__regex=r"^webshop-\d+$")
    named_before = numbered.filter(payload__catalogue__folder=place).exists()
    for number, task in enumerate(official_tasks(place)):
        yield replace(task, id=f"webshop-{number}") if named_before else task


def _stored_place(key: str) -> str:
    """The folder of a stored task's catalogue, while it is there."""
    stored = models.Task.objects.filter(environment="webshop", key=key)
    place = stored.values_list("payload__catalogue__folder", flat=True).first()
    return place if place and Path(place).is_dir() else ""


def _row(task: Task, task_set: str, position: int, source: str) -> Row:
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


def _one_file(path: Path, work: Path) -> Path:
    if path.suffix.lower() != ".zip":
        return path
    inside = [p for p in sorted(_folder(path, work / "unpacked").rglob("*")) if p.is_file()]
    found = [p for p in inside if p.suffix in ENDINGS]
    if len(found) != 1:
        raise InvalidInput(f"The zip must hold one .json or .jsonl file, not {len(found)}.")
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
    settings.PLACES.catalogues.mkdir(parents=True, exist_ok=True)
    catalogue: Path = settings.PLACES.catalogues / digest[:16]
    return catalogue
