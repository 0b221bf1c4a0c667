"""Group-relative policy optimisation: several reflections of one failure, compared by reward."""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from retro_core.training.context import (
    StageInput,
    StageResult,
    held_out_figures,
    reward_of,
    sampled_failures,
)
from retro_core.training.examples import encode_prompt
from retro_core.training.hf_trainer import MonitorCallback, train, trainer_arguments
from retro_core.training.models import load_policy
from retro_core.training.sampling import request_of, text_figures, write_samples
from retro_core.training.selection import failures_to_answer
from retro_core.training.spec import TokenSpec, TrainingSpec
from retro_core.types import RatedReflection

# The library's names of what PPO calls by a shorter one.
NAMES = {
    "completions/mean_length": "length",
    "clip_ratio/region_mean": "clip_fraction",
    "reward_std": "reward_deviation",
    "frac_reward_zero_std": "equal_reward_share",
}
# Figures of the last batch for the adapter's card; two of them the reward function tells.
TOLD = ("reward", "repeat_share", "loop_share")


def train_grpo(given: StageInput) -> StageResult:
    """Raise the reward of the policy's reflections by comparing those of the same failure."""
    spec = given.spec
    rows = filled_batch(failures_to_answer(given.snapshot.train), spec)
    texts = _TextFigures(given, rows)
    trainer = ReflectionGrpoTrainer(
        model=load_policy(spec, given.base_sha256),
        reward_funcs=texts.rewards,
        args=_config(given),
        train_dataset=Dataset.from_list(
            [{"prompt": row.prompt, "place": place} for place, row in enumerate(rows)]
        ),
        processing_class=given.tokenizer,
    )
    trainer.tokens = spec.tokens
    callback = MonitorCallback(
        given.monitor,
        names=NAMES,
        boundary=spec.grpo.iterations,
        evaluate=lambda step, model: _sample(given, step, model),
        evaluate_every=spec.evaluation.every,
    )
    trainer.add_callback(callback)
    finished = train(trainer, given.out, given.monitor)
    told = [row for row in trainer.state.log_history if "reward" in row]
    figures = {name: told[-1][name] for name in TOLD} if told else {}
    return StageResult(trainer.model, trainer.state.global_step, finished, figures)


def filled_batch(rows: Sequence[RatedReflection], spec: TrainingSpec) -> Sequence[RatedReflection]:
    """Failures enough for one batch, again from the first where there are too few.

    The library's sampler drops what fills no batch: it would end without a single update.
    """
    needed = spec.optimisation.batch_size // spec.grpo.group_size
    laps = -(-needed // len(rows))
    return [*rows] * max(laps, 1)


class ReflectionGrpoTrainer(GRPOTrainer):  # type: ignore[misc]  # trl is untyped here
    """The library's trainer, with prompts turned into tokens as everywhere in this project."""

    tokens = TokenSpec()

    def _tokenize_prompts(
        self, prompts: Sequence[str]
    ) -> tuple[list[list[int]], None, dict[str, Any]]:
        encoded = [encode_prompt(self.processing_class, text, self.tokens) for text in prompts]
        return encoded, None, {}


class _TextFigures:
    """The reward as the library calls it, which also tells what the texts look like."""

    def __init__(self, given: StageInput, rows: Sequence[RatedReflection]) -> None:
        self._rows = rows
        self._reward = reward_of(given)

    def rewards(
        self, prompts: list[str], completions: list[str], place: list[int], **told: Any
    ) -> list[float]:
        """One reward for each completion; `place` is the number of its failure."""
        pairs = zip(place, completions, strict=True)
        rewards = self._reward([request_of(self._rows[at], text) for at, text in pairs])
        for name, value in text_figures(completions).items():
            told["log_metric"](name, value)
        return rewards


def _config(given: StageInput) -> GRPOConfig:
    spec, grpo = given.spec, given.spec.grpo
    arguments = trainer_arguments(spec, given.out, has_validation=False)
    # A generation is used for several updates: only between generations is a resume exact.
    laps = -(-spec.checkpoint_every // grpo.iterations)
    return GRPOConfig(
        **{**arguments, "save_steps": laps * grpo.iterations},
        num_generations=grpo.group_size,
        num_iterations=grpo.iterations,
        steps_per_generation=arguments["gradient_accumulation_steps"],
        max_completion_length=spec.tokens.completion,
        beta=grpo.beta,
        epsilon=grpo.clip,
        temperature=grpo.temperature,
        log_completions=False,
        # Also of the reference, which the library copies from the parent.
        disable_dropout=True,
    )


def _sample(given: StageInput, step: int, model: Any) -> dict[str, float]:
    samples = write_samples(
        model,
        given.tokenizer,
        sampled_failures(given),
        tokens=given.spec.tokens,
        temperature=given.spec.grpo.temperature,
        seed=given.spec.seed,
        reward=reward_of(given),
    )
    given.monitor.samples(step, samples)
    return held_out_figures(given, samples)
