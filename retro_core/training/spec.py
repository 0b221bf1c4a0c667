"""The training specification: the one contract between the application and the trainer.

The application writes a `TrainingSpec` as JSON and starts
`python -m retro_core.training SPEC.json --out FOLDER` (`launch.py` names the whole command line and
the environment to give it). The trainer answers with files in FOLDER and nothing else:

    spec.json       the specification it runs; a second start with another one is refused
    metrics.jsonl   one object a line: step, split, seconds, values; "resumed" marks a resume.
                    A later line replaces an earlier one of the same step, split and name.
    samples.jsonl   texts the policy wrote at each evaluation: step, task_id, prompt, text, reward
    heartbeat       touched every two seconds while the process lives; holds the current step
    trainer.log     what happened, for a person
    stop            made by the application: save a checkpoint and end (SIGTERM does the same)
    taken           made by a trainer that found another one at work here, and left
    checkpoint-N/   adapter, optimizer, random state at step N; counts only with its SEALED file
    adapter/        the finished adapter; appears by one rename
    result.json     written last, by one rename: see `outcome.py`

Starting again with the same folder goes on from the newest sealed checkpoint; a folder whose
result says done is left alone. This module and `launch`, `outcome`, `presets`, `failures` load no
model library. Paths are absolute or relative to the trainer's working directory.

The dataset is JSON lines of `RatedReflection` fields plus `split` ("train" or "validation"); where
no row has a split, tasks are split by `dataset.validation_fraction` and the seed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retro_core.config import ChatTemplate
from retro_core.errors import InvalidInput
from retro_core.settings_record import SettingsRecord, setting

Stage = Literal["sft", "reward_model", "ppo", "grpo"]
Precision = Literal["float32", "bfloat16", "4bit"]
Device = Literal["auto", "cpu", "cuda"]
Objective = Literal["auto", "bce", "pairwise", "regression"]
Reference = Literal["parent", "base"]
RewardKind = Literal["reward_model", "retries", "function"]
Schedule = Literal["constant", "linear", "cosine"]

# What each kind of reward cannot do without.
REWARD_FIELDS: Mapping[RewardKind, str] = {
    "reward_model": "folder",
    "retries": "address_file",
    "function": "function",
}


@dataclass(frozen=True)
class DatasetSpec(SettingsRecord):
    """The frozen snapshot that the run reads."""

    path: str = setting("", "JSON lines of rated reflections.")
    sha256: str = setting("", "Expected digest of the file; empty checks nothing.")
    validation_fraction: float = setting(
        0.2, "Share of tasks held out where rows name no split.", at_least=0.0, at_most=0.9
    )
    accept_above: float = setting(0.0, "A rating above this counts as accepted. Paper: 0.")
    copies: int = setting(
        1,
        "Supervised tuning: times that an accepted reflection is shown in one pass, each but the"
        " first with the names of its things exchanged; once where its world has no names such as"
        " drawer 1. Own.",
        at_least=1,
        at_most=100,
    )
    balanced: bool = setting(
        False,
        "Supervised tuning: as many copies on failures that left something needed unfound as on"
        " others. Own.",
    )


@dataclass(frozen=True)
class BaseModelSpec(SettingsRecord):
    """The frozen model that adapters are made for."""

    folder: str = setting("", "Folder with safetensors, configuration and tokenizer.")
    sha256: str = setting("", "Expected `weights_digest` of the folder; empty checks nothing.")
    name: str = setting(
        "", "Written into the adapter as its base model: a hub name or a folder name, no path."
    )


@dataclass(frozen=True)
class LoraSpec(SettingsRecord):
    """The shape of a new adapter; a parent adapter keeps its own."""

    rank: int = setting(4, "Paper: 1 and 4.", at_least=1, at_most=256)
    alpha: int = setting(8, "Scale of the update is alpha / rank. Own.", at_least=1, at_most=1024)
    dropout: float = setting(
        0.0, "On the adapter's input; PPO needs 0, GRPO trains without.", at_least=0.0, at_most=0.9
    )
    targets: str = setting("all-linear", "`all-linear`, or module names separated by commas.")


@dataclass(frozen=True)
class OptimisationSpec(SettingsRecord):
    """Learning rate, batches and how long."""

    learning_rate: float = setting(1e-5, "Of AdamW at its peak.", at_least=0.0, at_most=1.0)
    batch_size: int = setting(
        32, "Items of one update over all processes; PPO: reflections.", at_least=1
    )
    micro_batch_size: int = setting(
        4, "Items of one forward pass on one process; the rest is accumulated.", at_least=1
    )
    epochs: float = setting(2.0, "Passes over the items; PPO and GRPO go by steps.", at_least=0.0)
    max_steps: int = setting(0, "Most updates; 0 goes by epochs.", unit="steps", at_least=0)
    warmup_steps: int = setting(0, "Learning rate rises over these.", unit="steps", at_least=0)
    schedule: Schedule = setting("linear", "Learning rate after the rise.")
    weight_decay: float = setting(0.0, "Of AdamW.", at_least=0.0, at_most=1.0)
    max_grad_norm: float = setting(1.0, "Longer gradients are scaled to this.", at_least=0.001)


@dataclass(frozen=True)
class TokenSpec(SettingsRecord):
    """How text becomes tokens; must match how the reflector is asked."""

    prompt: int = setting(256, "Longest prompt; its start is cut.", unit="tokens", at_least=8)
    completion: int = setting(64, "Longest reflection.", unit="tokens", at_least=2)
    chat_template: ChatTemplate = setting("chatml", "Wraps the reflection prompt.")


@dataclass(frozen=True)
class RewardModelSpec(SettingsRecord):
    """What the reward model learns."""

    objective: Objective = setting(
        "bce",
        "bce: accepted or not (paper). pairwise: the better of two for the same failure."
        " regression: the rating. auto: pairwise where at least half of the rows are in a pair.",
    )
    margin: bool = setting(False, "Pairs must differ by their gap in rating.")
    cues: bool = setting(
        False,
        "Begin with what a rule reads off prompt and plan (is the thing found, does the plan take"
        " it there, does it search new places); the model learns what is left. With bce alone.",
    )
    scored: int = setting(
        64, "Training items whose scores give the mean and deviation for PPO. Own.", at_least=2
    )


@dataclass(frozen=True)
class RewardSpec(SettingsRecord):
    """Where PPO and GRPO take the reward of a fresh reflection from."""

    kind: RewardKind = setting(
        "reward_model",
        "A trained reward model, the ratings of retries that are played, or a function.",
    )
    address_file: str = setting("", "Holds the address of the service that plays retries.")
    folder: str = setting("", "Adapter folder of the reward model.")
    normalise: bool = setting(True, "Reward model scores to mean 0, deviation 1 of its training.")
    function: str = setting("", "`package.module:factory`, called with the settings.")
    settings: str = setting("{}", "JSON object for the factory.")


@dataclass(frozen=True)
class PpoSpec(SettingsRecord):
    """Proximal policy optimisation. Defaults are those of the library the paper used."""

    epochs: int = setting(4, "Passes over one batch of reflections. Paper: 4.", at_least=1)
    minibatch_size: int = setting(
        16, "Reflections of one optimizer step over all processes.", at_least=1
    )
    clip: float = setting(0.2, "Of the probability ratio.", at_least=0.01, at_most=1.0)
    value_clip: float = setting(0.2, "Of the value's change; 0 does not clip.", at_least=0.0)
    value_coef: float = setting(0.1, "Weight of the value loss.", at_least=0.0)
    value_learning_rate: float = setting(
        0.0, "Of the value head; 0 takes the policy's.", at_least=0.0, at_most=1.0
    )
    gamma: float = setting(1.0, "Discount per token.", at_least=0.0, at_most=1.0)
    lam: float = setting(0.95, "Of the advantage estimate.", at_least=0.0, at_most=1.0)
    kl_coef: float = setting(0.2, "Cost per nat away from the reference.", at_least=0.0)
    kl_target: float = setting(
        6.0, "kl_coef is steered to this KL per reflection; 0 keeps it.", unit="nats", at_least=0.0
    )
    kl_horizon: int = setting(10_000, "Inertia of that steering.", unit="reflections", at_least=1)
    reference: Reference = setting("parent", "The parent adapter, or the base model alone.")
    temperature: float = setting(0.7, "Of generation and of the policy.", at_least=0.05)
    unfinished_penalty: float = setting(
        0.0, "Taken off the reward of a reflection cut at the limit.", at_least=0.0
    )


@dataclass(frozen=True)
class GrpoSpec(SettingsRecord):
    """Group-relative policy optimisation: no value head, no reward model needed."""

    group_size: int = setting(4, "Reflections of the same failure.", at_least=2)
    iterations: int = setting(1, "Updates per generation.", at_least=1)
    beta: float = setting(0.04, "Cost of KL to the reference.", at_least=0.0)
    clip: float = setting(0.2, "Of the probability ratio.", at_least=0.01, at_most=1.0)
    temperature: float = setting(0.7, "Of generation and of the policy.", at_least=0.05)


@dataclass(frozen=True)
class EvaluationSpec(SettingsRecord):
    """What is measured inside the run."""

    every: int = setting(10, "Evaluate after this many steps; 0 only at the end.", at_least=0)
    samples: int = setting(4, "Held-out prompts answered at each evaluation.", at_least=0)
    bootstrap: int = setting(500, "Resamples of tasks for an interval.", at_least=10)


@dataclass(frozen=True)
class LaunchSpec(SettingsRecord):
    """How many processes train together; only `launch.py` reads it."""

    processes: int = setting(1, "Processes (GPUs) on each host.", at_least=1)
    hosts: int = setting(1, "Hosts.", at_least=1)
    rendezvous: str = setting("", "`host:port` where several hosts meet.")


@dataclass(frozen=True)
class TrainingSpec(SettingsRecord):
    """All that decides the outcome of a training run."""

    stage: Stage = setting("sft", "What is trained.")
    seed: int = setting(0, "Start of every random choice.", at_least=0, at_most=2**31 - 1)
    parent_adapter: str = setting("", "Adapter folder to go on from; empty starts a new one.")
    precision: Precision = setting("float32", "Of the frozen weights; 4bit needs the extra gpu.")
    device: Device = setting("auto", "auto takes the GPU where there is one.")
    gradient_checkpointing: bool = setting(False, "Less memory for about a third more time.")
    checkpoint_every: int = setting(10, "Steps between checkpoints.", unit="steps", at_least=1)
    dataset: DatasetSpec = setting(DatasetSpec(), "The snapshot.")
    base_model: BaseModelSpec = setting(BaseModelSpec(), "The base model.")
    lora: LoraSpec = setting(LoraSpec(), "The adapter.")
    optimisation: OptimisationSpec = setting(OptimisationSpec(), "The optimizer.")
    tokens: TokenSpec = setting(TokenSpec(), "The tokens.")
    reward_model: RewardModelSpec = setting(RewardModelSpec(), "The reward model stage.")
    reward: RewardSpec = setting(RewardSpec(), "The reward of PPO and GRPO.")
    ppo: PpoSpec = setting(PpoSpec(), "The PPO stage.")
    grpo: GrpoSpec = setting(GrpoSpec(), "The GRPO stage.")
    evaluation: EvaluationSpec = setting(EvaluationSpec(), "Evaluation.")
    launch: LaunchSpec = setting(LaunchSpec(), "Processes and hosts.")


def read_spec(path: Path) -> TrainingSpec:
    """Read and check a specification file. Raises InvalidInput that names the bad field."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"Cannot read the training specification {path}: {error}.") from error
    spec = TrainingSpec.from_json(values)
    check_spec(spec)
    return spec


def check_spec(spec: TrainingSpec) -> None:
    """Refuse what no single field can see to be wrong."""
    for name, value in (("dataset.path", spec.dataset.path), ("folder", spec.base_model.folder)):
        if not value:
            raise InvalidInput(f"{name} must be given.")
    if spec.stage in {"ppo", "grpo"}:
        _check_policy_stage(spec)
    if spec.base_model.name.startswith("/"):
        raise InvalidInput("base_model.name must be a name, not a path of this machine.")


def _check_policy_stage(spec: TrainingSpec) -> None:
    reward = spec.reward
    field = REWARD_FIELDS[reward.kind]
    if not getattr(reward, field):
        raise InvalidInput(f"reward.{field} must be given for the stage {spec.stage}.")
    if spec.optimisation.max_steps < 1:
        raise InvalidInput(f"optimisation.max_steps must be at least 1 for {spec.stage}.")
    if spec.stage == "grpo" and spec.optimisation.batch_size % spec.grpo.group_size:
        raise InvalidInput("optimisation.batch_size must be a multiple of grpo.group_size.")
    if spec.stage == "ppo" and spec.optimisation.batch_size % spec.ppo.minibatch_size:
        raise InvalidInput("optimisation.batch_size must be a multiple of ppo.minibatch_size.")
    if spec.stage == "ppo" and spec.lora.dropout:
        raise InvalidInput("lora.dropout must be 0 for the stage ppo.")
