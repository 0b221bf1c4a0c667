"""One training run from its specification to its result file."""

import fcntl
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from retro_core.errors import InvalidInput
from retro_core.training.adapters import export_adapter
from retro_core.training.checkpoints import drop_broken
from retro_core.training.context import StageInput, StageResult
from retro_core.training.distributed import rank, start_processes, wait_for_all
from retro_core.training.failures import FolderTaken, TrainingFailed, explain
from retro_core.training.launch import TAKEN
from retro_core.training.models import check_base_model, device_of, load_tokenizer
from retro_core.training.monitor import Monitor
from retro_core.training.outcome import (
    Outcome,
    failed,
    read_outcome,
    reserve_space,
    write_json_atomically,
    write_outcome,
)
from retro_core.training.peaks import peak_memory
from retro_core.training.rewards import RewardFunction, load_reward
from retro_core.training.snapshot import read_snapshot
from retro_core.training.spec import Stage, TrainingSpec, read_spec

log = logging.getLogger(__name__)
ADAPTER = "adapter"
BASE = "base.sha256"


def run_training(
    spec: TrainingSpec, out: Path, monitor: Monitor, *, reward: RewardFunction | None = None
) -> Outcome:
    """Train as specified, going on where an earlier process stopped; return how it ended.

    `reward` replaces the specification's. An error that nobody foresaw is written down and raised.
    """
    earlier = read_outcome(out)
    if earlier is not None and earlier.status == "done":
        return earlier
    with monitor.alive():
        try:
            outcome = _train(spec, out, monitor, reward)
        except Exception as error:
            outcome = failed(explain(error))
            # A foreseen failure says what to do: where in the code it was met helps nobody.
            log.error("The run failed: %s", outcome.reason, exc_info=outcome.code == "crashed")
            # Where the main process was refused the folder, the result is another trainer's.
            if monitor.writes or not (out / TAKEN).exists():
                write_outcome(out, outcome)
            if outcome.code == "crashed":
                raise
    if monitor.writes and outcome.status != "failed":
        write_outcome(out, outcome)
    return outcome


@contextmanager
def claimed(out: Path, spec: TrainingSpec) -> Iterator[None]:
    """Hold the run's folder: one trainer at a time, and always the same specification."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderTaken(f"Another trainer works in {out}.") from error
        _keep_spec(out, spec)
        reserve_space(out)
        drop_broken(out)
        yield


def _keep_spec(out: Path, spec: TrainingSpec) -> None:
    path = out / "spec.json"
    if path.is_file():
        # Read as a specification: a setting that came later is at its default there.
        kept = read_spec(path)
        if kept != spec:
            raise InvalidInput(
                f"{out} belongs to a training run with another specification"
                f" ({_difference(kept, spec)}). Set it back and resume, or launch a new run."
            )
    write_json_atomically(path, spec.to_json())


def _difference(kept: TrainingSpec, spec: TrainingSpec) -> str:
    """Name the first part that differs, with both values."""
    before: Any = kept.to_json()
    after: Any = spec.to_json()
    names: list[str] = []
    while isinstance(before, dict):
        names.append(next(name for name in before if before[name] != after[name]))
        before, after = before[names[-1]], after[names[-1]]
    return f"{'.'.join(names)} was {before!r} and is now {after!r}"


def _train(
    spec: TrainingSpec, out: Path, monitor: Monitor, reward: RewardFunction | None
) -> Outcome:
    start_processes(use_cpu=device_of(spec).type == "cpu")
    wait_for_all()  # the main process has cleared what an earlier one left half-written
    given = _prepare(spec, out, monitor, reward)
    log.info("Training %s on %d reflections", spec.stage, len(given.snapshot.train))
    result = _stage(spec.stage)(given)
    if not result.finished:
        return Outcome(status="stopped", reason="Stopped on request.", step=result.step)
    checksum = _export(given, result) if monitor.writes else ""
    wait_for_all()
    return Outcome(
        status="done",
        step=result.step,
        adapter=ADAPTER,
        checksum=checksum,
        base_sha256=given.base_sha256,
        figures={**result.figures, **peak_memory()},
    )


def _prepare(
    spec: TrainingSpec, out: Path, monitor: Monitor, reward: RewardFunction | None
) -> StageInput:
    _check_snapshot(spec)
    snapshot = read_snapshot(
        Path(spec.dataset.path),
        validation_fraction=spec.dataset.validation_fraction,
        seed=spec.seed,
    )
    if not snapshot.train:
        raise TrainingFailed("empty_snapshot", "The snapshot holds no training reflections.")
    if reward is None and spec.stage in {"ppo", "grpo"}:
        reward = load_reward(spec)
    return StageInput(
        spec=spec,
        out=out,
        snapshot=snapshot,
        tokenizer=load_tokenizer(Path(spec.base_model.folder)),
        base_sha256=_same_base_model(spec, out),
        monitor=monitor,
        reward=reward,
    )


def _same_base_model(spec: TrainingSpec, out: Path) -> str:
    """The digest of the base model; a run that goes on must find the one that it began with."""
    began = out / BASE
    base = spec.base_model
    if began.is_file() and not base.sha256:
        base = replace(base, sha256=began.read_text(encoding="utf-8"))
    digest = check_base_model(base)
    if rank() == 0:
        began.write_text(digest, encoding="utf-8")
    return digest


def _check_snapshot(spec: TrainingSpec) -> None:
    if not spec.dataset.sha256:
        return
    digest = hashlib.sha256(Path(spec.dataset.path).read_bytes()).hexdigest()
    if digest != spec.dataset.sha256:
        raise InvalidInput(f"The snapshot {spec.dataset.path} was changed since it was frozen.")


def _export(given: StageInput, result: StageResult) -> str:
    spec = given.spec
    card = {
        "kind": "reward_model" if spec.stage == "reward_model" else "policy",
        "stage": spec.stage,
        "base_sha256": given.base_sha256,
        "steps": result.step,
        "seed": spec.seed,
        "figures": result.figures,
    }
    name = spec.base_model.name or Path(spec.base_model.folder).name
    return export_adapter(result.model, given.out / ADAPTER, base_name=name, card=card)


def _stage(stage: Stage) -> Callable[[StageInput], StageResult]:
    # Each stage loads its own libraries: only those of the stage that runs are needed.
    from retro_core.training.grpo import train_grpo
    from retro_core.training.ppo import train_ppo
    from retro_core.training.reward_model import train_reward_model
    from retro_core.training.sft import train_sft

    stages: Mapping[Stage, Callable[[StageInput], StageResult]] = {
        "sft": train_sft,
        "reward_model": train_reward_model,
        "ppo": train_ppo,
        "grpo": train_grpo,
    }
    return stages[stage]
