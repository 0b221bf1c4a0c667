"""Experiments from rows: made as imported ones, or found to be the same."""

from datetime import datetime

from retro_core.errors import InvalidInput
from webapp.episodes.closed import closed_to_all
from webapp.episodes.log_lines import moment
from webapp.exchange.checking import json_value
from webapp.exchange.columns import Row
from webapp.exchange.reading import Found
from webapp.exchange.taking.counts import Refuse, Taken
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.tasks.services import IMPORTED_SPLIT

COMPARED = ("environment", "method", "actor_model", "reflector_model", "adapter", "seed")


def take_experiment(row: Found, taken: Taken, refuse: Refuse) -> None:
    """Store one experiment, or see that it is here."""
    try:
        stored = Experiment.objects.filter(name=row.values["experiment"]).first()
        if stored is None:
            stored = _make(row.values)
            taken.new["experiments"] += 1
        else:
            _compare(stored, row.values)
            taken.known["experiments"] += 1
    except InvalidInput as error:
        refuse(row.number, str(error))
        return
    taken.experiments[stored.pk] = stored.name


def _make(values: Row) -> Experiment:
    columns = _columns(values)
    made = Experiment.objects.create(
        **columns,
        name=values["experiment"],
        task_set=_task_set(values),
        trials=values["trials"],
        concurrency=values.get("concurrency") or 4,
        notes=values.get("notes") or "",
        config=json_value(values, "config", dict),
        code_version=values.get("code_version") or "",
        source=Experiment.Source.IMPORTED,
        status=Experiment.Status.FINISHED,
        started_at=_time(values, "started_at"),
        finished_at=_time(values, "finished_at"),
    )
    created = _time(values, "created_at")
    if created is not None:
        Experiment.objects.filter(pk=made.pk).update(created_at=created)
    return made


def _columns(values: Row) -> Row:
    return {
        "environment": values["environment"],
        "method": values["method"],
        "actor_model": values.get("actor") or "",
        "reflector_model": values.get("reflector") or "",
        "adapter": values.get("adapter") or "",
        "seed": values.get("seed") or 0,
    }


def _task_set(values: Row) -> TaskSet:
    name = values["task_set"]
    made = {
        "environment": values["environment"],
        "split": IMPORTED_SPLIT,
        "source": f"the tasks of {values['experiment']}"[:200],
    }
    found, _ = TaskSet.objects.get_or_create(name=name, defaults=made)
    if found.environment != values["environment"]:
        raise InvalidInput(f"the task set {name!r} here is of {found.environment!r}")
    return found


def _compare(stored: Experiment, values: Row) -> None:
    closed = closed_to_all(stored)
    if closed:
        raise InvalidInput(closed)
    for name, value in _columns(values).items():
        known = getattr(stored, name)
        if name in COMPARED and value != known:
            raise InvalidInput(
                f"an experiment named {stored.name!r} is here with"
                f" {name.removesuffix('_model')} {known!r}, not {value!r}"
            )


def _time(values: Row, name: str) -> datetime | None:
    text = values.get(name)
    return moment(text, name) if text else None
