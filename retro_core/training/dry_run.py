"""What a run would train on and how much, told before it starts and without a model library."""

import json
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tokenizers import Tokenizer

from retro_core.errors import InvalidInput, RetroError
from retro_core.prompts.templates import reflector_text
from retro_core.training.memory import WEIGHT_BYTES, ModelShape, model_shape, peak_bytes
from retro_core.training.selection import (
    accepted_rows,
    choose_objective,
    failures,
    items_of_stage,
)
from retro_core.training.snapshot import read_snapshot
from retro_core.training.spec import TokenSpec, TrainingSpec
from retro_core.types import RatedReflection

Rows = tuple[RatedReflection, ...]


@dataclass(frozen=True)
class DryRun:
    """Counts of a run that was not started. `problem` says why it could not succeed, if so."""

    train_rows: int
    validation_rows: int
    train_tasks: int
    validation_tasks: int
    accepted: int
    rejected: int
    failures: int
    items: int
    updates: int
    cut_prompts: int
    cut_reflections: int
    tokens_per_update: int  # of prompts and reflections, padding not counted
    parameters: int  # of the frozen base model
    weight_bytes: int  # of its parameters in the chosen precision
    memory_bytes: int  # of the process at its peak where it trains on a CPU, estimated
    gpu_bytes: int  # of the device's memory where it trains on a GPU, estimated
    problem: str = ""


def dry_run(spec: TrainingSpec) -> DryRun:
    """Read the snapshot and count. Raises InvalidInput where it cannot be read."""
    snapshot = read_snapshot(
        Path(spec.dataset.path),
        validation_fraction=spec.dataset.validation_fraction,
        seed=spec.seed,
    )
    rows, problem = snapshot.train, ""
    try:
        items = items_of_stage(rows, spec)
    except RetroError as error:
        items, problem = 0, str(error)
    prompts, texts = _lengths(rows, spec)
    tokens = _tokens_per_item(spec, rows, prompts, texts)
    shape = _shape(Path(spec.base_model.folder))
    accepted = len(accepted_rows(rows, spec.dataset.accept_above))
    return DryRun(
        train_rows=len(rows),
        validation_rows=len(snapshot.validation),
        train_tasks=_tasks(rows),
        validation_tasks=_tasks(snapshot.validation),
        accepted=accepted,
        rejected=len(rows) - accepted,
        failures=len(failures(rows)),
        items=items,
        updates=0 if problem else updates_of(spec, items),
        cut_prompts=sum(length > spec.tokens.prompt for length in prompts),
        cut_reflections=sum(length > spec.tokens.completion for length in texts),
        tokens_per_update=round(tokens * spec.optimisation.batch_size),
        parameters=shape.parameters,
        weight_bytes=round(shape.parameters * WEIGHT_BYTES[spec.precision]),
        memory_bytes=round(peak_bytes(spec, shape, tokens)),
        gpu_bytes=round(peak_bytes(spec, shape, tokens, on_gpu=True)),
        problem=problem,
    )


def updates_of(spec: TrainingSpec, items: int) -> int:
    """How many updates the run will make."""
    rates = spec.optimisation
    by_epochs = ceil(ceil(items / rates.batch_size) * rates.epochs) if items else 0
    return rates.max_steps or by_epochs


def parameter_count(folder: Path) -> int:
    """The number of weights in a model folder, from the headers of its files."""
    return sum(_weights_in(path) for path in sorted(folder.glob("*.safetensors")))


def _weights_in(path: Path) -> int:
    with path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    header.pop("__metadata__", None)
    total = 0
    for tensor in header.values():
        count = 1
        for size in tensor["shape"]:
            count *= size
        total += count
    return total


def _tasks(rows: Rows) -> int:
    return len({(row.environment, row.task_id) for row in rows})


def _lengths(rows: Rows, spec: TrainingSpec) -> tuple[list[int], list[int]]:
    """Tokens of each prompt, as the reflector is asked, and of each reflection with its end."""
    file = Path(spec.base_model.folder) / "tokenizer.json"
    if not file.is_file():
        raise InvalidInput(f"{file.parent} is no folder of a base model: it has no {file.name}.")
    tokenizer = Tokenizer.from_file(str(file))
    asked = [reflector_text(row.prompt, spec.tokens.chat_template) for row in rows]
    prompts = tokenizer.encode_batch(asked, add_special_tokens=False)
    texts = tokenizer.encode_batch([row.text for row in rows], add_special_tokens=False)
    return [len(one.ids) for one in prompts], [len(one.ids) + 1 for one in texts]


def _shape(folder: Path) -> ModelShape:
    return model_shape(folder, parameter_count(folder))


def _tokens_per_item(spec: TrainingSpec, rows: Rows, prompts: list[int], texts: list[int]) -> float:
    """Of prompt and reflection on average; a pair of reflections is one item."""
    if not prompts:
        return 0.0
    tokens: TokenSpec = spec.tokens
    written = [min(n, tokens.completion) for n in texts]
    if spec.stage in {"ppo", "grpo"}:
        written = [tokens.completion]
    asked = [min(n, tokens.prompt) for n in prompts]
    mean = sum(asked) / len(asked) + sum(written) / len(written)
    return 2 * mean if _learns_pairs(spec, rows) else mean


def _learns_pairs(spec: TrainingSpec, rows: Rows) -> bool:
    if spec.stage != "reward_model":
        return False
    return choose_objective(rows, spec.reward_model.objective) == "pairwise"
