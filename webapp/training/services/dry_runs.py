"""What a training run would do, told before it starts: counts, balance, people, leaks, cost."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Avg

from retro_core.errors import InvalidInput
from retro_core.training.dry_run import DryRun, dry_run
from retro_core.training.spec import TrainingSpec
from webapp.episodes.models import Episode
from webapp.tasks.models import TaskSetMember
from webapp.training.models import MetricPoint, Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.base import chosen_base
from webapp.training.services.snapshots import stored_lines
from webapp.training.services.specs import Change, changes

# Measured on two quiet CPU cores with the embedded model, in tokens a second: a LoRA step of
# 4 x 512 tokens took 14.2 s in float32; a generated token costs 76 to the second beside that.
TRAINED_TOKENS_A_SECOND = 144.0
WRITTEN_TOKENS_A_SECOND = 76.0
MEASURED_PARAMETERS = 134.5e6
MEASURED_WEIGHT_BYTES = 538e6
MEASURED = "two CPU cores"
# Settings on which the time of an update depends: a run with others tells nothing of it.
DECISIVE = (
    *("tokens.", "optimisation.batch_size", "optimisation.micro_batch_size", "precision", "device"),
    *("gradient_checkpointing", "lora.rank", "ppo.", "grpo.", "reward.kind"),
    "reward_model.objective",
)
RETRY_PLAYERS = 4  # the worker plays as many retries at a time


@dataclass(frozen=True, slots=True)
class Leak:
    """Training tasks that also lie where they must not be measured on."""

    place: str
    tasks: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The dry run of one launch form."""

    run: DryRun
    counts: Mapping[str, Any]
    leaks: list[Leak]
    equal_texts: int
    seconds: float | None
    paced_by: str
    differences: list[Change]
    compared_with: TrainingRun | None


def preview(spec: TrainingSpec, snapshot: Snapshot) -> Preview:
    """Count what the run would learn from. Raises InvalidInput where there is no base model."""
    found = _counted(spec, snapshot)
    last = TrainingRun.objects.filter(stage=spec.stage).order_by("-pk").first()
    pace, paced_by = seconds_per_update(spec, found, last)
    return Preview(
        run=found,
        counts=snapshot.counts,
        leaks=leaks(snapshot),
        equal_texts=equal_texts(snapshot),
        seconds=pace * found.updates + _beside_updates(spec, found, snapshot, paced_by),
        paced_by=paced_by,
        differences=changes(last.spec, spec.to_json()) if last else [],
        compared_with=last,
    )


def base_folder() -> Path:
    """The base model's folder on this machine. Raises InvalidInput where it is not there yet."""
    chosen = chosen_base()
    if chosen is not None:
        return chosen
    found = sorted(settings.PLACES.models.glob("*/model.safetensors"))
    if not found:
        raise InvalidInput("The base model is not prepared yet: it is on the first start.")
    return found[0].parent


def leaks(snapshot: Snapshot) -> list[Leak]:
    """Task sets of other splits that share training tasks: not fit to evaluate this run on."""
    train = snapshot.items.filter(split=SnapshotItem.Split.TRAIN)
    keys: dict[str, set[str]] = {}
    for environment, key in train.values_list("environment", "task_key").distinct():
        keys.setdefault(environment, set()).add(key)
    shared: dict[str, int] = {}
    for environment, of_environment in keys.items():
        members = TaskSetMember.objects.filter(
            task__environment=environment, task__key__in=of_environment
        ).exclude(task_set__split="train")
        for name in members.values_list("task_set__name", flat=True):
            shared[name] = shared.get(name, 0) + 1
    return [Leak(name, tasks) for name, tasks in sorted(shared.items())]


def equal_texts(snapshot: Snapshot) -> int:
    """Validation items whose text also stands in the training split."""
    train = snapshot.items.filter(split=SnapshotItem.Split.TRAIN).values("text")
    held = snapshot.items.filter(split=SnapshotItem.Split.VALIDATION)
    return held.filter(text__in=train).count()


def _counted(spec: TrainingSpec, snapshot: Snapshot) -> DryRun:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot.jsonl"
        with path.open("wb") as stream:
            stream.writelines(stored_lines(snapshot))
        base = replace(spec.base_model, folder=str(base_folder()))
        return dry_run(
            replace(spec, dataset=replace(spec.dataset, path=str(path)), base_model=base)
        )


def seconds_per_update(
    spec: TrainingSpec, found: DryRun, last: TrainingRun | None
) -> tuple[float, str]:
    """The pace of the last run of this stage with these settings, else from measured speeds."""
    if last and not _pace_changes(last, spec):
        pace = seconds_per_step(last)
        if pace is not None:
            return pace, f"the pace of {last.name}"
    passes, written = 1, 0.0
    if spec.stage in {"ppo", "grpo"}:
        passes = 1 + (spec.ppo.epochs if spec.stage == "ppo" else 1)  # one scores what was written
        generations = 1 if spec.stage == "ppo" else 1 / spec.grpo.iterations
        written = generations * spec.optimisation.batch_size * spec.tokens.completion
    scale = max(found.weight_bytes / MEASURED_WEIGHT_BYTES, 1e-6)
    learning = passes * found.tokens_per_update / TRAINED_TOKENS_A_SECOND * scale
    return learning + _writing_seconds(found, written), MEASURED


def _writing_seconds(found: DryRun, tokens: float) -> float:
    """By the number of weights: narrower ones make learning faster, but not writing."""
    return tokens / WRITTEN_TOKENS_A_SECOND * found.parameters / MEASURED_PARAMETERS


def _beside_updates(spec: TrainingSpec, found: DryRun, snapshot: Snapshot, paced_by: str) -> float:
    """Seconds for samples at evaluations and for retries; the pace of a run holds them already."""
    if paced_by != MEASURED:
        return 0.0
    evaluations = found.updates // spec.evaluation.every if spec.evaluation.every else 0
    samples = max(evaluations, 1) * spec.evaluation.samples if spec.stage != "reward_model" else 0
    seconds = _writing_seconds(found, samples * spec.tokens.completion)
    if spec.stage not in {"ppo", "grpo"} or spec.reward.kind != "retries":
        return seconds
    episodes = Episode.objects.filter(reflection__snapshot_items__snapshot=snapshot)
    mean = episodes.aggregate(mean=Avg("seconds"))["mean"] or 0.0
    played = found.updates * spec.optimisation.batch_size + samples
    return seconds + played * mean / RETRY_PLAYERS


def _pace_changes(last: TrainingRun, spec: TrainingSpec) -> bool:
    return any(change.name.startswith(DECISIVE) for change in changes(last.spec, spec.to_json()))


def seconds_per_step(run: TrainingRun, latest: int = 10) -> float | None:
    """The pace of the newest steps of a run; None before there are two."""
    points = MetricPoint.objects.filter(run=run).order_by("-pk")[: 20 * latest]
    told = points.values_list("split", "step", "seconds")
    seconds = {step: seconds for split, step, seconds in told if split == "train"}
    kept = _since_resume(sorted(seconds.items()))[-latest:]
    if len(kept) < 2:
        return None
    return float(kept[-1][1] - kept[0][1]) / (kept[-1][0] - kept[0][0])


def _since_resume(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The steps of the newest trainer process: each one counts its seconds from 0."""
    starts = [at for at in range(1, len(points)) if points[at][1] <= points[at - 1][1]]
    return points[starts[-1] :] if starts else points
