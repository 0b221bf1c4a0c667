"""The formulas of PPO: pure functions of tensors.

Shapes: B reflections, T tokens, padded on the right. `mask` is 1 on the tokens of the reflection
and 0 on padding; the first masked-out token of a row ends it. Log-probabilities and KL are in
nats; rewards, values and advantages in units of the reward.
"""

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of all reflections; a scalar."""
    return (values * mask).sum() / mask.sum()


def whitening(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count, sum and sum of squares of the masked values, to be added up over processes."""
    kept = values * mask
    return mask.sum().to(values.dtype), kept.sum(), (kept * values).sum()


def whiten(values: Tensor, mask: Tensor, moments: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Bring values (B, T) to mean 0 and deviation 1; padding gets 0."""
    count, total, squares = moments
    mean = total / count
    variance = (squares / count - mean**2).clamp_min(0.0)
    return (values - mean) / (variance + 1e-8).sqrt() * mask


def kl_shaped_rewards(
    scores: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, *, kl_coef: float
) -> Tensor:
    """Give each token its KL cost, and the last token of a reflection its score (B,) too."""
    costs = -kl_coef * (logprobs - ref_logprobs) * mask
    last = mask.long().sum(dim=1) - 1
    return costs.index_put((torch.arange(len(last)), last), scores, accumulate=True)


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates (B, T) and the returns that values should predict.

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lam A_{t+1}; V and A are 0 past
    the end of a reflection.
    """
    advantage = torch.zeros_like(rewards[:, 0])
    following = torch.zeros_like(advantage)
    columns: list[Tensor] = []
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * following - values[:, t]
        advantage = (delta + gamma * lam * advantage) * mask[:, t]
        following = values[:, t] * mask[:, t]
        columns.append(advantage)
    advantages = torch.stack(columns[::-1], dim=1)
    return advantages, (advantages + values) * mask


def policy_losses(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, *, clip: float
) -> Tensor:
    """The clipped surrogate of each token, to be made small (B, T)."""
    ratio = torch.exp(logprobs - old_logprobs)
    free = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - clip, 1.0 + clip)
    return torch.maximum(free, clipped)


def value_losses(values: Tensor, old_values: Tensor, returns: Tensor, *, clip: float) -> Tensor:
    """Half the squared error of each token's value (B, T), clipped around the old value.

    A clip of 0 does not clip.
    """
    free = (values - returns) ** 2
    if not clip:
        return 0.5 * free
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * torch.maximum(free, (near - returns) ** 2)


def clipped_tokens(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, *, clip: float
) -> Tensor:
    """1 on the tokens whose gradient the clip removes (B, T)."""
    ratio = torch.exp(logprobs - old_logprobs)
    too_good = (advantages > 0) & (ratio > 1.0 + clip)
    too_bad = (advantages < 0) & (ratio < 1.0 - clip)
    return (too_good | too_bad).to(logprobs.dtype)


def kl_estimates(logprobs: Tensor, other_logprobs: Tensor) -> Tensor:
    """Unbiased and never negative estimate of each token's KL from the other policy (B, T).

    exp(d) - 1 - d with d = other - own, on tokens drawn from the own policy.
    """
    difference = other_logprobs - logprobs
    return torch.expm1(difference) - difference


def entropies(logits: Tensor) -> Tensor:
    """Entropy of each token's distribution; logits (B, T, V) give (B, T)."""
    logprobs = torch.log_softmax(logits, dim=-1)
    return -(logprobs.exp() * logprobs).sum(dim=-1)


def steered_kl_coef(coef: float, kl: float, *, target: float, horizon: int, items: int) -> float:
    """Raise the cost of KL where it lies above the target, lower it where below.

    The relative error is held to 20 %; `items` reflections out of `horizon` have passed.
    """
    error = min(max(kl / target - 1.0, -0.2), 0.2)
    return coef * (1.0 + error * items / horizon)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 where the values predict the returns, 0 where they are no better than the mean."""
    kept = mask.bool()
    spread = returns[kept].var(correction=0)
    if spread == 0:
        return 0.0
    return float(1.0 - (returns[kept] - values[kept]).var(correction=0) / spread)
