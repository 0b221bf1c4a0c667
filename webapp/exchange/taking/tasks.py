"""Task sets from rows: new and imported ones grow, others that are stored must say the same."""

from collections.abc import Sequence
from itertools import groupby

from retro_core import types
from retro_core.errors import InvalidInput
from webapp.exchange.checking import json_value
from webapp.exchange.reading import Found
from webapp.exchange.taking.counts import Refuse, Taken
from webapp.tasks.models import Task, TaskSet, TaskSetMember
from webapp.tasks.services import IMPORTED_SPLIT, store_tasks

BATCH = 500


class TaskShelf:
    """The task sets of one import. Used inside one transaction."""

    def __init__(self, source: str, taken: Taken) -> None:
        self.source, self.taken = source[:200], taken
        self._sets: dict[str, TaskSet] = {}
        self._stored: dict[str, dict[str, int]] = {}  # positions by task, of sets that were here
        self._places: set[tuple[str, int | str]] = set()

    def put(self, rows: Sequence[Found], refuse: Refuse) -> None:
        """Store the rows that agree with each other and with what is stored."""
        for name, some in groupby(rows, key=lambda row: str(row.values["task_set"])):
            fitting = [row for row in some if self._fits(name, row, refuse)]
            if name in self._stored:
                self._compare(name, fitting, refuse)
            elif fitting:
                self._add(name, fitting, refuse)

    def _fits(self, name: str, row: Found, refuse: Refuse) -> bool:
        values = row.values
        task_set = self._sets.get(name) or self._open(name, row)
        if values["environment"] != task_set.environment:
            refuse(row.number, f"the task set {name!r} is of {task_set.environment!r}")
            return False
        places = {(name, values["position"]), (name, values["task_id"])}
        if places & self._places:
            refuse(row.number, f"a position or task that {name!r} has already")
            return False
        self._places |= places
        return True

    def _open(self, name: str, row: Found) -> TaskSet:
        found = TaskSet.objects.filter(name=name).first()
        if found is not None:
            members = found.members.values_list("task__key", "position")
            self._stored[name] = dict(members)
        else:
            values = row.values
            found = TaskSet.objects.create(
                name=name,
                environment=values["environment"],
                split=values.get("task_set_split") or values.get("split") or "train",
                source=values.get("task_set_source") or self.source,
            )
        self._sets[name] = found
        self.taken.task_sets[found.pk] = name
        return found

    def _compare(self, name: str, rows: Sequence[Found], refuse: Refuse) -> None:
        """Rows of a task set that was here before: the same, or refused.

        One that an import or an agent made grows, and its order means nothing.
        """
        agreeing, places = self._tasks(rows, refuse), self._stored[name]
        grows = self._sets[name].split == IMPORTED_SPLIT
        taken = set(places.values())
        members = []
        for row in rows:
            key, position = row.values["task_id"], row.values["position"]
            if key not in agreeing:
                continue
            if places.get(key) == position or (grows and key in places):
                self.taken.known["tasks"] += 1
            elif grows:
                places[key] = position if position not in taken else max(taken) + 1
                taken.add(places[key])
                members.append(self._member(name, agreeing[key], places[key]))
            else:
                refuse(row.number, f"a task set named {name!r} is here with other tasks")
        self._join(members)

    def _add(self, name: str, rows: Sequence[Found], refuse: Refuse) -> None:
        stored = self._tasks(rows, refuse)
        self._join(
            [
                self._member(name, stored[row.values["task_id"]], row.values["position"])
                for row in rows
                if row.values["task_id"] in stored
            ]
        )

    def _member(self, name: str, task: Task, position: int) -> TaskSetMember:
        return TaskSetMember(task_set=self._sets[name], task=task, position=position)

    def _join(self, members: list[TaskSetMember]) -> None:
        TaskSetMember.objects.bulk_create(members, batch_size=BATCH)
        self.taken.new["tasks"] += len(members)

    def _tasks(self, rows: Sequence[Found], refuse: Refuse) -> dict[str, Task]:
        """Stored tasks by key; where the batch disagrees, row by row to name the bad ones."""
        if not rows:
            return {}
        try:
            return store_tasks([_as_core(row) for row in rows])
        except InvalidInput:
            stored: dict[str, Task] = {}
            for row in rows:
                try:
                    stored |= store_tasks([_as_core(row)])
                except InvalidInput as error:
                    refuse(row.number, str(error))
            return stored


def _as_core(row: Found) -> types.Task:
    values = row.values
    return types.Task(
        id=values["task_id"],
        environment=values["environment"],
        goal=values.get("goal") or "",
        split=values.get("split") or "train",
        task_type=values.get("task_type") or "",
        payload=json_value(values, "payload", dict),
    )
