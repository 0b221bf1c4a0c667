"""Ready-made training specifications: the paper's, and one for two CPU cores.

Only dataset, base model, parent and reward remain to be filled in. The paper counts PPO steps as
its library did, in generated reflections: 20,000 of them are 313 updates of 64.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from retro_core.training.spec import (
    EvaluationSpec,
    GrpoSpec,
    LoraSpec,
    OptimisationSpec,
    PpoSpec,
    RewardModelSpec,
    Stage,
    TokenSpec,
    TrainingSpec,
)

_PAPER_UPDATES = ceil(20_000 / 64)
_PAPER = TrainingSpec(
    lora=LoraSpec(rank=4, alpha=8),
    tokens=TokenSpec(prompt=2048, completion=256),
    precision="bfloat16",
    gradient_checkpointing=True,
    checkpoint_every=20,
    evaluation=EvaluationSpec(every=20, samples=8),
)
# Household reflection prompts have 400 to 600 tokens as digests and 800 to 870 as steps, and
# reflections up to 192 and an end token as the embedded preset asks for them: shorter limits would
# cut the task off the prompt, half of the plan, or its end.
_CPU = TrainingSpec(
    precision="bfloat16",  # 1.7 times the tokens a second of float32 on a CPU that knows it
    lora=LoraSpec(rank=8, alpha=16),
    tokens=TokenSpec(prompt=896, completion=200),
    checkpoint_every=3,
    evaluation=EvaluationSpec(every=6, samples=2),
)


def _paper(rank: int) -> dict[Stage, TrainingSpec]:
    base = replace(_PAPER, lora=LoraSpec(rank=rank, alpha=2 * rank))
    return {
        "sft": replace(
            base,
            stage="sft",
            optimisation=OptimisationSpec(learning_rate=1e-5, batch_size=32, epochs=2.0),
        ),
        "reward_model": replace(
            base,
            stage="reward_model",
            optimisation=OptimisationSpec(learning_rate=2.5e-5, batch_size=32, epochs=2.0),
            reward_model=RewardModelSpec(objective="bce"),
        ),
        "ppo": replace(
            base,
            stage="ppo",
            optimisation=OptimisationSpec(
                learning_rate=1.4e-5,
                batch_size=64,
                max_steps=_PAPER_UPDATES,
                schedule="constant",
            ),
            ppo=PpoSpec(epochs=4, minibatch_size=16),
        ),
        "grpo": replace(
            base,
            stage="grpo",
            optimisation=OptimisationSpec(
                learning_rate=1.4e-5,
                batch_size=64,
                max_steps=_PAPER_UPDATES,
                schedule="constant",
            ),
            grpo=GrpoSpec(group_size=8),
        ),
    }


# Learning rates are far above the paper's: the model is fifty times smaller and sees few steps.
_CPU_TUNING = OptimisationSpec(
    learning_rate=5e-4, batch_size=2, micro_batch_size=1, epochs=2.0, max_steps=12, warmup_steps=2
)
_CPU_POLICY = OptimisationSpec(
    learning_rate=1e-3, batch_size=4, micro_batch_size=1, max_steps=6, schedule="constant"
)
_CPU_STAGES: dict[Stage, TrainingSpec] = {
    "sft": replace(_CPU, stage="sft", optimisation=_CPU_TUNING),
    "reward_model": replace(
        _CPU,
        stage="reward_model",
        optimisation=_CPU_TUNING,
        reward_model=RewardModelSpec(objective="auto"),
    ),
    "ppo": replace(
        _CPU,
        stage="ppo",
        optimisation=_CPU_POLICY,
        ppo=PpoSpec(epochs=2, minibatch_size=4, kl_coef=0.05, kl_target=0.0),
    ),
    "grpo": replace(_CPU, stage="grpo", optimisation=_CPU_POLICY, grpo=GrpoSpec(group_size=4)),
}

PRESETS: Mapping[str, Mapping[Stage, TrainingSpec]] = {
    "paper": _paper(4),
    "paper_rank_1": _paper(1),
    "cpu-small": _CPU_STAGES,
}
