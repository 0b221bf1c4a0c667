"""PPO's formulas against a second implementation that shares no line and no library with them."""

import math
import random

import numpy as np
import pytest
import torch

from retro_core.training.ppo_losses import (
    advantages_and_returns,
    kl_shaped_rewards,
    masked_mean,
    policy_losses,
    value_losses,
    whiten,
    whitening,
)

ARMS = 5
BEST = 3
ROUNDS = 60
PULLS = 32


def plain_gae(rewards, values, gamma, lam):
    """A_t as the double sum over all later deltas, of one row without padding."""
    length = len(rewards)
    later = [*values[1:], 0.0]
    deltas = [rewards[t] + gamma * later[t] - values[t] for t in range(length)]
    return [
        sum((gamma * lam) ** (k - t) * deltas[k] for k in range(t, length)) for t in range(length)
    ]


def plain_update(theta, values, pulls, *, rate, clip, epochs):
    """PPO of a table of logits by written-out derivatives; `pulls` are (arm, reward)."""
    old = [x - math.log(sum(map(math.exp, theta))) for x in theta]
    gaps = [reward - values[0] for _, reward in pulls]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps) + 1e-8)
    gains = [(gap - mean) / deviation for gap in gaps]
    for _ in range(epochs):
        total = sum(map(math.exp, theta))
        chances = [math.exp(x) / total for x in theta]
        slope, value_slope = [0.0] * len(theta), 0.0
        for (arm, reward), gain in zip(pulls, gains, strict=True):
            ratio = chances[arm] / math.exp(old[arm])
            free = (gain > 0 and ratio < 1 + clip) or (gain < 0 and ratio > 1 - clip)
            for other in range(len(theta)):
                through = (1.0 if other == arm else 0.0) - chances[other]
                slope[other] -= gain * ratio * through * free / len(pulls)
            value_slope += (values[0] - reward) / len(pulls)
        theta = [x - rate * s for x, s in zip(theta, slope, strict=True)]
        values = [values[0] - rate * value_slope]
    return theta, values


def project_update(theta, values, pulls, *, rate, clip, epochs):
    """The same update through the project's formulas and automatic derivatives."""
    theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    value = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    arms = torch.tensor([[arm] for arm, _ in pulls])
    scores = torch.tensor([reward for _, reward in pulls], dtype=torch.float64)
    mask = torch.ones(len(pulls), 1)
    old = torch.log_softmax(theta, 0).detach()[arms]
    old_values = value.detach().expand(len(pulls), 1)
    rewards = kl_shaped_rewards(scores, old, old, mask, kl_coef=0.0)
    advantages, returns = advantages_and_returns(rewards, old_values, mask, gamma=1.0, lam=0.95)
    advantages = whiten(advantages, mask, whitening(advantages, mask))
    for _ in range(epochs):
        now = torch.log_softmax(theta, 0)[arms]
        loss = masked_mean(policy_losses(now, old, advantages, clip=clip), mask)
        values_now = value.expand(len(pulls), 1)
        loss = loss + masked_mean(value_losses(values_now, old_values, returns, clip=0.0), mask)
        slopes = torch.autograd.grad(loss, [theta, value])
        with torch.no_grad():
            theta -= rate * slopes[0]
            value -= rate * slopes[1]
    return theta.tolist(), value.tolist()


def play(update):
    """Run a bandit of five arms, of which the fourth pays 1 and the others 0."""
    draw = random.Random(0)
    theta, values, history = [0.0] * ARMS, [0.0], []
    for _ in range(ROUNDS):
        chances = np.exp(theta) / np.exp(theta).sum()
        arms = draw.choices(range(ARMS), weights=chances, k=PULLS)
        pulls = [(arm, 1.0 if arm == BEST else 0.0) for arm in arms]
        theta, values = update(theta, values, pulls, rate=0.3, clip=0.2, epochs=4)
        history.append(float(np.exp(theta[BEST]) / np.exp(theta).sum()))
    return history


def test_both_implementations_walk_the_same_way_and_solve_the_bandit():
    plain, project = play(plain_update), play(project_update)

    assert project == pytest.approx(plain, abs=1e-9)
    assert project[0] < 0.5
    assert project[-1] > 0.95


def test_advantages_of_random_rows_equal_the_double_sum():
    draw = np.random.default_rng(3)
    lengths = [1, 4, 7]
    rewards, values = draw.normal(size=(3, 7)), draw.normal(size=(3, 7))
    mask = torch.tensor([[1] * n + [0] * (7 - n) for n in lengths])

    advantages, returns = advantages_and_returns(
        torch.tensor(rewards), torch.tensor(values), mask, gamma=0.9, lam=0.8
    )

    for row, length in enumerate(lengths):
        expected = plain_gae(rewards[row, :length], values[row, :length], 0.9, 0.8)
        assert advantages[row, :length].tolist() == pytest.approx(expected)
        assert returns[row, :length].tolist() == pytest.approx(expected + values[row, :length])
        assert advantages[row, length:].tolist() == [0.0] * (7 - length)
