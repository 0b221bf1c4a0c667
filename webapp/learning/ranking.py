"""How well the reward model tells good reflections on tasks that nothing learned from."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retro_core.errors import InvalidInput
from retro_core.refit import auc_gain
from retro_core.training.cues import CueScore
from retro_core.training.evaluation import Floats, auc, auc_with_interval
from webapp.annotation.models import Measurement, ModelScore
from webapp.annotation.services import measuring
from webapp.experiments.models import Experiment
from webapp.learning.corrected import RESAMPLES, Area, area_of
from webapp.learning.protocol import Protocol
from webapp.learning.running import Measured
from webapp.learning.steps import LOOK_SECONDS, made, snapshot
from webapp.present import DASH
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.buffer import BufferQuery

# Whose reflections it neither chose nor shaped: best of N and PPO would be marked by their marker.
ARMS = ("reflexion", "retroformer sft", "retroformer grpo")
READ_SHARE = 1.0  # only what is held out is read, and nothing is learned from any of these tasks
Scores = Mapping[int | None, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What some arms wrote on tasks that nothing learned from, and the run whose model reads it."""

    protocol: Protocol
    scorer: TrainingRun
    experiments: tuple[int, ...]
    tasks: str = "unseen tasks"

    def written(self) -> Snapshot:
        """The reflections, frozen."""
        query = BufferQuery(
            experiments=self.experiments,
            validation_share=READ_SHARE,
            repeats="keep",
            seed=self.protocol.seed,
        )
        return snapshot(self.protocol, f"reflections on {self.tasks}", query)

    def scored(self) -> tuple[list[SnapshotItem], Scores]:
        """What was read, and the score by reflection."""
        held = self.written().items.filter(split=SnapshotItem.Split.VALIDATION)
        ids = held.exclude(reflection=None).values("reflection")
        known = ModelScore.objects.filter(adapter=made(self.scorer), reflection__in=ids)
        scores: Scores = dict(known.values_list("reflection", "score"))
        return [item for item in held if item.reflection_id in scores], scores

    def cue_scores(self, items: Sequence[SnapshotItem]) -> Scores:
        """What the cues alone give, where the reward model began with them."""
        told = made(self.scorer).figures.get("cues")
        if not told:
            return {}
        marks = CueScore(**told)([(item.prompt, item.text) for item in items])
        return {item.reflection_id: mark for item, mark in zip(items, marks, strict=True)}


def of_arms(measured: Measured) -> Reading:
    """The reading of the protocol's own arms."""
    arms = tuple(measured.arms[name].pk for name in ARMS if name in measured.arms)
    return Reading(measured.protocol, measured.runs["reward_model"], arms)


def of_finished_arms(protocol: Protocol, scorer: TrainingRun) -> Reading | None:
    """The same from the record; None where they are not all played."""
    named = Experiment.objects.filter(name__in=[protocol.title(name) for name in ARMS])
    played = named.filter(status=Experiment.Status.FINISHED).values_list("pk", flat=True)
    return Reading(protocol, scorer, tuple(played)) if len(played) == len(ARMS) else None


def read(reading: Reading) -> None:
    """Have the reward model read it, and wait. Raises InvalidInput with the reason it cannot."""
    reads, scorer = Measurement.Kind.SCORES, made(reading.scorer)
    written = reading.written()
    row = measuring.newest(reads, adapter=scorer, snapshot=written)
    if row is None or row.status == Measurement.Status.FAILED:
        row = measuring.ask(reads, adapter=scorer, snapshot=written)
    while row.status in {Measurement.Status.QUEUED, Measurement.Status.RUNNING}:
        time.sleep(LOOK_SECONDS)
        row.refresh_from_db()
    if row.status != Measurement.Status.DONE:
        raise InvalidInput(f"The reward model cannot read the reflections: {row.reason}")


def lines(*readings: Reading) -> Iterator[str]:
    """Areas of the scores, the cues and the trial number, over all those reflections and by arm.

    Between arms a score may tell who wrote a text, within one only what it says.
    """
    heads = ("rated", "tasks", "above 0", "ROC-AUC", "cues alone", "trial number", "more")
    yield f"| reward model | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    items: list[SnapshotItem] = []
    scores: dict[int | None, float] = {}
    cues: dict[int | None, float] = {}
    seed = readings[0].protocol.seed
    for reading in readings:
        mine, known = reading.scored()
        items, scores = items + mine, {**scores, **known}
        cues |= reading.cue_scores(mine)
        if len(readings) > 1:
            yield _row(reading.tasks, mine, scores, cues, seed)
    yield _row("all", items, scores, cues, seed)
    for name in dict.fromkeys(item.experiment_name for item in items):
        written = [one for one in items if one.experiment_name == name]
        yield _row(name, written, scores, cues, seed)


def _row(name: str, items: Sequence[SnapshotItem], scores: Scores, cues: Scores, seed: int) -> str:
    """The trial number may count in either direction, whichever is better for it."""
    if not items:
        return f"| {name} | 0 | 0 | 0 | {DASH} | {DASH} | {DASH} | |"
    accepted = np.array([item.rating > 0 for item in items], dtype=bool)
    tasks = [item.task_key for item in items]

    def area(values: Floats) -> str:
        return area_of(auc_with_interval(values, accepted, tasks, resamples=RESAMPLES, seed=seed))

    own = np.array([scores[item.reflection_id] for item in items])
    alone = area(np.array([cues[item.reflection_id] for item in items])) if cues else DASH
    number = np.array([float(item.trial) for item in items])
    known = auc(number, accepted)
    trials = -number if known is not None and known < 0.5 else number
    more = auc_gain(trials, own, accepted, tasks, seed=seed)
    counts = f"{len(items)} | {len(set(tasks))} | {accepted.sum()}"
    return f"| {name} | {counts} | {area(own)} | {alone} | {area(trials)} | {_gap(more)} |"


def _gap(value: Area) -> str:
    """A difference of areas with its sign; nothing where one is not known."""
    if value["mean"] is None or value["low"] is None or value["high"] is None:
        return ""
    return f"{value['mean']:+.2f} [{value['low']:.2f}, {value['high']:.2f}]"
