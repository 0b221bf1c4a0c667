"""Supervised fine-tuning on accepted reflections: the loss counts on the reflection only."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from retro_core.training.context import (
    StageInput,
    StageResult,
    held_out_figures,
    sampled_failures,
)
from retro_core.training.examples import Example, Tokenizer, encode_rows
from retro_core.training.hf_trainer import MonitorCallback, train, trainer_arguments
from retro_core.training.models import load_policy
from retro_core.training.relabel import relabelled_copies
from retro_core.training.sampling import write_samples
from retro_core.training.selection import accepted_rows, accepted_to_learn
from retro_core.training.spec import TrainingSpec

SAMPLE_TEMPERATURE = 0.7


def train_sft(given: StageInput) -> StageResult:
    """Tune the policy to write what was rated above the threshold."""
    spec, dataset = given.spec, given.spec.dataset
    accepted = accepted_to_learn(given.snapshot.train, dataset.accept_above)
    shown = relabelled_copies(accepted, dataset.copies, spec.seed, balanced=dataset.balanced)
    validation = accepted_rows(given.snapshot.validation, dataset.accept_above)
    trainer = example_trainer(
        load_policy(spec, given.base_sha256),
        given.tokenizer,
        encode_rows(shown, given.tokenizer, spec.tokens),
        encode_rows(validation, given.tokenizer, spec.tokens),
        spec=spec,
        out=given.out,
    )
    callback = MonitorCallback(
        given.monitor,
        evaluate=lambda step, model: _sample(given, step, model),
        evaluate_every=spec.evaluation.every,
    )
    trainer.add_callback(callback)
    finished = train(trainer, given.out, given.monitor)
    figures: dict[str, Any] = {"accepted": len(accepted), "held_out": len(validation)}
    if finished and validation:
        figures["validation_loss"] = trainer.evaluate()["eval_loss"]
    return StageResult(trainer.model, trainer.state.global_step, finished, figures)


def example_trainer(
    model: Any,
    tokenizer: Tokenizer,
    train_examples: Sequence[Example],
    validation_examples: Sequence[Example],
    *,
    spec: TrainingSpec,
    out: Path,
) -> SFTTrainer:
    """A trainer of ready sequences; only tokens with a 1 in `completion_mask` are learned."""
    arguments = trainer_arguments(spec, out, has_validation=bool(validation_examples))
    config = SFTConfig(**arguments, max_length=None, packing=False, completion_only_loss=True)
    return SFTTrainer(
        model=model,
        args=config,
        train_dataset=_dataset(train_examples),
        eval_dataset=_dataset(validation_examples) if validation_examples else None,
        processing_class=tokenizer,
    )


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_list([dict(example) for example in examples])


def _sample(given: StageInput, step: int, model: Any) -> Mapping[str, float]:
    samples = write_samples(
        model,
        given.tokenizer,
        sampled_failures(given),
        tokens=given.spec.tokens,
        temperature=SAMPLE_TEMPERATURE,
        seed=given.spec.seed,
    )
    given.monitor.samples(step, samples)
    return held_out_figures(given, samples)
