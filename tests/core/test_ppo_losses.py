"""The formulas of PPO on numbers worked out by hand."""

import math

import pytest
import torch

from retro_core.training.ppo_losses import (
    advantages_and_returns,
    clipped_tokens,
    entropies,
    explained_variance,
    kl_estimates,
    kl_shaped_rewards,
    masked_mean,
    policy_losses,
    steered_kl_coef,
    value_losses,
    whiten,
    whitening,
)


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_each_token_pays_its_kl_and_the_last_one_gets_the_score():
    rewards = kl_shaped_rewards(
        torch.tensor([2.0, -1.0], dtype=torch.float64),
        tensor([-1.0, -2.0, -3.0], [-0.5, -9.0, -9.0]),
        tensor([-1.5, -1.0, -3.0], [-1.0, -4.0, -4.0]),
        torch.tensor([[1, 1, 1], [1, 0, 0]]),
        kl_coef=0.1,
    )

    # Row 1: -0.1 * (0.5, -1, 0) = (-0.05, 0.1, 0) and 2 on the last token.
    # Row 2: one token: -0.1 * 0.5 - 1; padding stays 0 whatever lies there.
    torch.testing.assert_close(rewards, tensor([-0.05, 0.1, 2.0], [-1.05, 0.0, 0.0]))


def test_advantages_without_discount_and_with_lambda_one_are_reward_to_go_minus_value():
    advantages, returns = advantages_and_returns(
        tensor([0.0, 0.0, 1.0]),
        tensor([0.5, 0.25, 0.125]),
        torch.ones(1, 3),
        gamma=1.0,
        lam=1.0,
    )

    torch.testing.assert_close(advantages, tensor([0.5, 0.75, 0.875]))
    torch.testing.assert_close(returns, tensor([1.0, 1.0, 1.0]))


def test_advantages_with_discount_and_lambda():
    advantages, returns = advantages_and_returns(
        tensor([1.0, 2.0, 7.0]),
        tensor([0.5, 1.0, 7.0]),
        torch.tensor([[1, 1, 0]]),
        gamma=0.5,
        lam=0.5,
    )

    # Token 2 is the last: delta 2 - 1 = 1. Token 1: delta 1 + 0.5 * 1 - 0.5 = 1, plus
    # 0.25 * 1. Padding counts for nothing.
    torch.testing.assert_close(advantages, tensor([1.25, 1.0, 0.0]))
    torch.testing.assert_close(returns, tensor([1.75, 2.0, 0.0]))


def test_the_surrogate_is_clipped_only_against_the_advantage():
    ratio = torch.log(tensor([1.5, 1.5, 0.5, 0.5]))
    advantages = tensor([1.0, -1.0, 1.0, -1.0])

    losses = policy_losses(ratio, torch.zeros_like(ratio), advantages, clip=0.2)
    clipped = clipped_tokens(ratio, torch.zeros_like(ratio), advantages, clip=0.2)

    # Gain 1.5 is capped at 1.2; loss at 1.5 is not capped; 0.5 of a good token is not capped;
    # 0.5 of a bad token counts as 0.8.
    torch.testing.assert_close(losses, tensor([-1.2, 1.5, -0.5, 0.8]))
    torch.testing.assert_close(clipped, tensor([1.0, 0.0, 0.0, 1.0]))


def test_a_clipped_token_has_no_gradient():
    logprobs = torch.log(tensor([1.5, 1.1])).requires_grad_()

    policy_losses(logprobs, torch.zeros(1, 2), torch.ones(1, 2), clip=0.2).sum().backward()

    torch.testing.assert_close(logprobs.grad, tensor([0.0, -1.1]))


def test_the_value_loss_takes_the_worse_of_free_and_clipped():
    losses = value_losses(tensor([1.0, 0.1]), tensor([0.0, 0.0]), tensor([2.0, 1.0]), clip=0.2)

    # Token 1: free (1-2)^2 = 1, near 0.2: (0.2-2)^2 = 3.24, half is 1.62.
    # Token 2 moved by 0.1, within the clip: (0.1-1)^2 = 0.81, half is 0.405.
    torch.testing.assert_close(losses, tensor([1.62, 0.405]))


def test_a_value_clip_of_zero_does_not_clip():
    losses = value_losses(tensor([1.0]), tensor([0.0]), tensor([2.0]), clip=0.0)

    torch.testing.assert_close(losses, tensor([0.5]))


def test_whitening_leaves_padding_out():
    values, mask = tensor([1.0, 3.0, 99.0]), torch.tensor([[1, 1, 0]])

    white = whiten(values, mask, whitening(values, mask))

    torch.testing.assert_close(white, tensor([-1.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_whitening_over_two_processes_equals_whitening_of_all_rows():
    values, mask = tensor([1.0, 2.0], [6.0, 50.0]), torch.tensor([[1, 1], [1, 0]])
    halves = [whitening(values[n : n + 1], mask[n : n + 1]) for n in range(2)]
    added = tuple(one + two for one, two in zip(*halves, strict=True))

    # Mean of 1, 2, 6 is 3; variance (4 + 1 + 9) / 3.
    deviation = math.sqrt(14 / 3)
    expected = tensor([-2 / deviation, -1 / deviation], [3 / deviation, 0.0])
    torch.testing.assert_close(whiten(values, mask, added), expected, atol=1e-6, rtol=0)


def test_the_mean_counts_tokens_and_not_reflections():
    assert masked_mean(tensor([1.0, 1.0], [4.0, 9.0]), torch.tensor([[1, 1], [1, 0]])) == 2.0


def test_kl_is_estimated_without_bias_and_never_negative():
    # A coin: own 0.5/0.5, other 0.8/0.2. KL(own, other) = 0.5 ln(0.5/0.8) + 0.5 ln(0.5/0.2).
    own, other = torch.log(tensor([0.5, 0.5])), torch.log(tensor([0.8, 0.2]))

    estimates = kl_estimates(own, other)

    expected = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert float(estimates.mean()) == pytest.approx(expected)
    assert (estimates >= 0).all()


def test_entropy_of_a_fair_and_of_a_certain_choice():
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [200.0, 0.0, 0.0, 0.0]]])

    torch.testing.assert_close(entropies(logits), torch.tensor([[math.log(4), 0.0]]))


@pytest.mark.parametrize(
    ("kl", "expected"),
    [(6.0, 0.1), (12.0, 0.1 * 1.02), (6.6, 0.1 * 1.01), (0.0, 0.1 * 0.98)],
)
def test_the_cost_of_kl_follows_the_target(kl, expected):
    coef = steered_kl_coef(0.1, kl, target=6.0, horizon=1000, items=100)

    assert coef == pytest.approx(expected)


def test_explained_variance_is_one_for_perfect_and_zero_for_constant_values():
    returns, mask = tensor([1.0, 3.0, 8.0]), torch.tensor([[1, 1, 0]])

    assert explained_variance(returns, returns, mask) == 1.0
    assert explained_variance(tensor([2.0, 2.0, 0.0]), returns, mask) == 0.0
    assert explained_variance(returns, tensor([5.0, 5.0, 1.0]), mask) == 0.0
