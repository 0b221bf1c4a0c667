"""How well the reward model tells good reflections on tasks that nothing learned from."""

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from retro_core.errors import InvalidInput
from retro_core.training.evaluation import Floats, auc_with_interval
from webapp.annotation.models import Measurement, ModelScore
from webapp.annotation.services import measuring
from webapp.learning.corrected import RESAMPLES, Area, area_of
from webapp.learning.running import Measured
from webapp.learning.steps import LOOK_SECONDS, made, snapshot
from webapp.training.models import Snapshot, SnapshotItem
from webapp.training.services.buffer import BufferQuery

# Whose reflections it neither chose nor shaped: best of N and PPO would be marked by their marker.
ARMS = ("reflexion", "retroformer sft", "retroformer grpo")
READ_SHARE = 0.9  # the most that a snapshot holds out, and only what is held out is read


def read(measured: Measured) -> None:
    """Have the reward model read what those arms wrote on the unseen tasks, and wait for it."""
    reads, scorer = Measurement.Kind.SCORES, made(measured.runs["reward_model"])
    written = _written(measured)
    row = measuring.newest(reads, adapter=scorer, snapshot=written)
    if row is None or row.status == Measurement.Status.FAILED:
        row = measuring.ask(reads, adapter=scorer, snapshot=written)
    while row.status in {Measurement.Status.QUEUED, Measurement.Status.RUNNING}:
        time.sleep(LOOK_SECONDS)
        row.refresh_from_db()
    if row.status != Measurement.Status.DONE:
        raise InvalidInput(f"The reward model cannot read the reflections: {row.reason}")


def _written(measured: Measured) -> Snapshot:
    arms = tuple(measured.arms[name].pk for name in ARMS if name in measured.arms)
    seed = measured.protocol.seed
    query = BufferQuery(experiments=arms, validation_share=READ_SHARE, repeats="keep", seed=seed)
    return snapshot(measured.protocol, "reflections on unseen tasks", query)


def lines(measured: Measured) -> Iterator[str]:
    """Areas of the scores and of the trial number, over all those reflections and by arm.

    Between arms a score may tell who wrote a text, within one only what it says.
    """
    reward_model, seed = made(measured.runs["reward_model"]), measured.protocol.seed
    held = _written(measured).items.filter(split=SnapshotItem.Split.VALIDATION)
    ids = held.exclude(reflection=None).values("reflection")
    known = ModelScore.objects.filter(adapter=reward_model, reflection__in=ids)
    scores: Mapping[int | None, float] = dict(known.values_list("reflection", "score"))
    items = [item for item in held.defer("prompt", "text") if item.reflection_id in scores]
    yield "| reward model on unseen tasks | rated | tasks | above 0 | ROC-AUC | trial number |"
    yield "|---|---|---|---|---|---|"
    yield _row("all", items, scores, seed)
    for name in dict.fromkeys(item.experiment_name for item in items):
        yield _row(name, [one for one in items if one.experiment_name == name], scores, seed)


def _row(
    name: str, items: Sequence[SnapshotItem], scores: Mapping[int | None, float], seed: int
) -> str:
    """The trial number may count in either direction, whichever is better for it."""
    accepted = np.array([item.rating > 0 for item in items])
    tasks = [item.task_key for item in items]

    def area(values: Floats) -> Area:
        return auc_with_interval(values, accepted, tasks, resamples=RESAMPLES, seed=seed)

    trials = np.array([float(item.trial) for item in items])
    by_trial = max((area(trials), area(-trials)), key=lambda found: found["mean"] or 0.0)
    own = area(np.array([scores[item.reflection_id] for item in items]))
    counts = f"{len(items)} | {len(set(tasks))} | {accepted.sum()}"
    return f"| {name} | {counts} | {area_of(own)} | {area_of(by_trial)} |"
