"""Gathers the experience of one PPO update: reflections written, scored, and weighed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from retro_core.seeds import derived_seed
from retro_core.training.distributed import summed
from retro_core.training.examples import Tokenizer, encode_prompt
from retro_core.training.policy import Policy, TokenBatch, token_batch
from retro_core.training.ppo_losses import (
    advantages_and_returns,
    kl_shaped_rewards,
    whiten,
    whitening,
)
from retro_core.training.rewards import RewardFunction
from retro_core.training.sampling import (
    evaluating,
    requests_of,
    text_figures,
    write_completions,
)
from retro_core.training.spec import TrainingSpec
from retro_core.types import RatedReflection


@dataclass(frozen=True)
class Experience:
    """One batch of reflections under the policy that wrote them; tensors are (B, T)."""

    batch: TokenBatch
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    figures: dict[str, float]


@dataclass(frozen=True)
class Written:
    """Reflections as written: tokens, texts, and whether each ended by itself."""

    prompts: list[list[int]]
    completions: list[list[int]]
    texts: list[str]
    finished: list[bool]


def rows_of_update(
    rows: Sequence[RatedReflection], step: int, *, batch_size: int, seed: int
) -> list[RatedReflection]:
    """The failures of an update: an endless walk through seeded shuffles of all of them."""
    picked = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        lap, place = divmod(position, len(rows))
        picked.append(rows[_shuffled(len(rows), lap, seed)[place]])
    return picked


def gather(
    policy: Policy,
    tokenizer: Tokenizer,
    rows: Sequence[RatedReflection],
    reward: RewardFunction,
    spec: TrainingSpec,
    *,
    kl_coef: float,
) -> Experience:
    """Write a reflection for each failure, score it, and estimate each token's advantage."""
    ppo = spec.ppo
    written = _write(policy, tokenizer, rows, spec)
    scores = _scores(rows, written, reward, spec)
    batch = token_batch(
        written.prompts,
        written.completions,
        padding=tokenizer.pad_token_id,
        device=policy.device,
    )
    logprobs, values, reference = _evaluate(policy, batch, spec.optimisation.micro_batch_size)
    rewards = kl_shaped_rewards(
        scores.to(policy.device), logprobs, reference, batch.mask, kl_coef=kl_coef
    )
    advantages, returns = advantages_and_returns(
        rewards, values, batch.mask, gamma=ppo.gamma, lam=ppo.lam
    )
    own = whitening(advantages, batch.mask)
    moments = (summed(own[0]), summed(own[1]), summed(own[2]))
    return Experience(
        batch=batch,
        logprobs=logprobs,
        values=values,
        advantages=whiten(advantages, batch.mask, moments),
        returns=returns,
        figures=_figures(written, scores, ((logprobs - reference) * batch.mask).sum(dim=1)),
    )


def _write(
    policy: Policy, tokenizer: Tokenizer, rows: Sequence[RatedReflection], spec: TrainingSpec
) -> Written:
    prompts = [encode_prompt(tokenizer, row.prompt, spec.tokens) for row in rows]
    written = Written(prompts, [], [], [])
    for start in range(0, len(rows), spec.ppo.minibatch_size):
        part = write_completions(
            policy.model,
            tokenizer,
            prompts[start : start + spec.ppo.minibatch_size],
            tokens=spec.tokens,
            temperature=spec.ppo.temperature,
        )
        pairs = zip(part.ids, part.mask, strict=True)
        written.completions.extend(ids[keep.bool()].tolist() for ids, keep in pairs)
        written.texts.extend(part.texts)
        written.finished.extend(part.finished.tolist())
    return written


def _scores(
    rows: Sequence[RatedReflection], written: Written, reward: RewardFunction, spec: TrainingSpec
) -> Tensor:
    requests = requests_of(rows, written.texts, written.finished)
    scores = torch.tensor(reward(requests), dtype=torch.float32)
    cut = ~torch.tensor(written.finished)
    return scores - spec.ppo.unfinished_penalty * cut


def _evaluate(policy: Policy, batch: TokenBatch, micro: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities and values of the policy, log-probabilities of the reference."""
    own, values, reference = [], [], []
    with torch.no_grad(), evaluating(policy.model):
        for picked in torch.arange(len(batch.ids)).split(micro):
            part = batch.rows(picked)
            outputs = policy.outputs(part)
            own.append(outputs.logprobs)
            values.append(outputs.values)
            reference.append(policy.reference_logprobs(part))
    return torch.cat(own), torch.cat(values), torch.cat(reference)


def _figures(written: Written, scores: Tensor, kl: Tensor) -> dict[str, float]:
    lengths = [len(ids) for ids in written.completions]
    return {
        "reward": float(scores.mean()),
        "reward_deviation": float(scores.std(correction=0)),
        "kl": float(kl.mean()),
        "length": sum(lengths) / len(lengths),
        "finished_share": sum(written.finished) / len(written.finished),
        **text_figures(written.texts),
    }


def _shuffled(count: int, lap: int, seed: int) -> list[int]:
    order = list(range(count))
    Random(derived_seed("ppo-order", seed, lap)).shuffle(order)
    return order
