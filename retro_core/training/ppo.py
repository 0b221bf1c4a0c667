"""Proximal policy optimisation of the reflector: write, score, learn, again."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from transformers import set_seed

from retro_core.errors import InvalidInput
from retro_core.training.context import (
    StageInput,
    StageResult,
    held_out_figures,
    reward_of,
    sampled_failures,
)
from retro_core.training.distributed import any_process, rank, summed, world_size
from retro_core.training.models import load_policy, without_dropout
from retro_core.training.monitor import check_finite
from retro_core.training.policy import Policy
from retro_core.training.ppo_checkpoint import PpoState, restore_checkpoint, save_checkpoint
from retro_core.training.ppo_experience import Experience, gather, rows_of_update
from retro_core.training.ppo_losses import (
    clipped_tokens,
    explained_variance,
    kl_estimates,
    masked_mean,
    policy_losses,
    steered_kl_coef,
    value_losses,
)
from retro_core.training.sampling import write_samples
from retro_core.training.selection import failures_to_answer
from retro_core.training.spec import OptimisationSpec, PpoSpec, TrainingSpec


def train_ppo(given: StageInput) -> StageResult:
    """Raise the reward of the policy's reflections, within a cost for leaving the reference."""
    loop = PpoLoop(given)
    loop.restore()
    steps, stopped = given.spec.optimisation.max_steps, False
    while loop.state.step < steps and not stopped:
        loop.update()
        stopped = any_process(given.monitor.stop_requested(), loop.policy.device)
        if stopped or loop.state.step % given.spec.checkpoint_every == 0:
            loop.save()
    figures = {"reward": loop.state.reward, "kl_coef": loop.state.kl_coef}
    return StageResult(loop.policy.model, loop.state.step, loop.state.step >= steps, figures)


class PpoLoop:
    """The state of PPO between updates."""

    def __init__(self, given: StageInput) -> None:
        spec = given.spec
        self.given, self.spec = given, spec
        self.rows = failures_to_answer(given.snapshot.train)
        self.policy = _policy(given)
        self.weights = self.policy.trainable()
        self.optimizer = _optimizer(self.weights, spec)
        self.state = PpoState(step=0, kl_coef=spec.ppo.kl_coef)
        self._share = _share(spec.ppo.minibatch_size)
        _share(spec.optimisation.batch_size)
        set_seed(spec.seed + rank())  # each process writes its own reflections

    def restore(self) -> None:
        """Go on from the newest checkpoint, if there is one."""
        state = restore_checkpoint(self.given.out, self.weights, self.optimizer)
        if state is not None:
            self.state = state
            self.given.monitor.resumed(state.step)

    def save(self) -> None:
        """Write a checkpoint."""
        save_checkpoint(self.given.out, self.state, self.weights, self.optimizer)

    def update(self) -> None:
        """One update: a batch of reflections, several passes over it."""
        spec, step = self.spec, self.state.step
        rows = rows_of_update(
            self.rows, step, batch_size=spec.optimisation.batch_size, seed=spec.seed
        )
        own_rows = rows[rank() :: world_size()]
        experience = gather(
            self.policy,
            self.given.tokenizer,
            own_rows,
            reward_of(self.given),
            spec,
            kl_coef=self.state.kl_coef,
        )
        scale = learning_rate_scale(spec.optimisation, step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        figures = averaged({**experience.figures, **self._learn(experience)})
        figures["learning_rate"] = spec.optimisation.learning_rate * scale
        figures["kl_coef"] = self.state.kl_coef
        self._finish(step + 1, figures)

    def _finish(self, step: int, figures: dict[str, float]) -> None:
        kl_coef = next_kl_coef(
            self.state.kl_coef, figures["kl"], self.spec.ppo, self.spec.optimisation.batch_size
        )
        self.state = PpoState(step=step, kl_coef=kl_coef, reward=figures["reward"])
        self.given.monitor.log(step, "train", figures)
        check_finite(step, loss=figures["loss"], reward=figures["reward"])
        every = self.spec.evaluation.every
        if step == self.spec.optimisation.max_steps or (every and step % every == 0):
            self._evaluate(step)

    def _learn(self, experience: Experience) -> dict[str, float]:
        model, mask = self.policy.model, experience.batch.mask
        model.train()
        told: list[dict[str, float]] = []
        for _ in range(self.spec.ppo.epochs):
            order = torch.randperm(len(mask))
            told += [self._minibatch(experience, picked) for picked in order.split(self._share)]
        figures = {name: sum(row[name] for row in told) / len(told) for name in told[0]}
        figures["explained_variance"] = explained_variance(
            experience.values, experience.returns, mask
        )
        return figures

    def _minibatch(self, experience: Experience, picked: Tensor) -> dict[str, float]:
        """One optimizer step; every token of every process weighs the same."""
        self.optimizer.zero_grad()
        tokens = summed(experience.batch.mask[picked].sum().float())
        told: dict[str, float] = {}
        for part in picked.split(self.spec.optimisation.micro_batch_size):
            for name, total in self._backward(experience, part, tokens).items():
                told[name] = told.get(name, 0.0) + total
        for weight in self.weights.values():
            if weight.grad is not None:
                weight.grad = summed(weight.grad)
        limit = self.spec.optimisation.max_grad_norm
        norm = float(clip_grad_norm_(self.weights.values(), limit))
        check_finite(self.state.step + 1, loss=told["loss"], grad_norm=norm)
        self.optimizer.step()
        return {**told, "grad_norm": norm}

    def _backward(self, experience: Experience, part: Tensor, tokens: Tensor) -> dict[str, float]:
        """Add the gradient of some reflections; return their share of each mean over tokens."""
        ppo = self.spec.ppo
        batch = experience.batch.rows(part)
        old, advantages = experience.logprobs[part], experience.advantages[part]
        now = self.policy.outputs(batch)
        terms = {
            "policy_loss": policy_losses(now.logprobs, old, advantages, clip=ppo.clip),
            "value_loss": value_losses(
                now.values, experience.values[part], experience.returns[part], clip=ppo.value_clip
            ),
            "entropy": now.entropies,
            "clip_fraction": clipped_tokens(now.logprobs, old, advantages, clip=ppo.clip),
            "kl_step": kl_estimates(old, now.logprobs),
        }
        means = {name: masked_mean(t, batch.mask) for name, t in terms.items()}
        share = batch.mask.sum() / tokens
        loss = means["policy_loss"] + ppo.value_coef * means["value_loss"]
        (loss * share).backward()
        # Figures are averaged over processes later, hence the number of processes here.
        told = {**means, "loss": loss}
        return {name: float(mean.detach() * share) * world_size() for name, mean in told.items()}

    def _evaluate(self, step: int) -> None:
        samples = write_samples(
            self.policy.model,
            self.given.tokenizer,
            sampled_failures(self.given),
            tokens=self.spec.tokens,
            temperature=self.spec.ppo.temperature,
            seed=self.spec.seed,
            reward=reward_of(self.given),
        )
        self.given.monitor.samples(step, samples)
        figures = held_out_figures(self.given, samples)
        if figures:
            self.given.monitor.log(step, "validation", figures)


def next_kl_coef(coef: float, kl: float, ppo: PpoSpec, items: int) -> float:
    """The cost of KL for the next update; fixed where there is no target."""
    if not ppo.kl_target:
        return coef
    return steered_kl_coef(coef, kl, target=ppo.kl_target, horizon=ppo.kl_horizon, items=items)


def learning_rate_scale(rates: OptimisationSpec, step: int) -> float:
    """Share of the peak learning rate at an update, counted from 0."""
    if step < rates.warmup_steps:
        return (step + 1) / rates.warmup_steps
    if rates.schedule == "constant":
        return 1.0
    passed = (step - rates.warmup_steps) / max(rates.max_steps - rates.warmup_steps, 1)
    if rates.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * passed))
    return 1.0 - passed


def averaged(figures: dict[str, float]) -> dict[str, float]:
    """The mean of each figure over all processes."""
    totals = summed(torch.tensor(list(figures.values()), dtype=torch.float64)) / world_size()
    return dict(zip(figures, totals.tolist(), strict=True))


def _policy(given: StageInput) -> Policy:
    spec = given.spec
    model = without_dropout(load_policy(spec, given.base_sha256))
    if spec.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    from_parent = spec.parent_adapter and spec.ppo.reference == "parent"
    return Policy(
        model,
        temperature=spec.ppo.temperature,
        parent=Path(spec.parent_adapter) if from_parent else None,
        autocast=spec.precision != "float32",
    )


def _optimizer(weights: dict[str, torch.nn.Parameter], spec: TrainingSpec) -> AdamW:
    rates = spec.optimisation
    head_rate = spec.ppo.value_learning_rate or rates.learning_rate
    policy, head = _split(list(weights.items()))
    groups = [
        {"params": policy, "lr": rates.learning_rate, "peak": rates.learning_rate},
        {"params": head, "lr": head_rate, "peak": head_rate},
    ]
    return AdamW(groups, weight_decay=rates.weight_decay)


def _split(
    named: Sequence[tuple[str, torch.nn.Parameter]],
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    heads = {name: weight for name, weight in named if name.startswith("value_head.")}
    return [weight for name, weight in named if name not in heads], list(heads.values())


def _share(items: int) -> int:
    share, rest = divmod(items, world_size())
    if rest or not share:
        raise InvalidInput(f"{items} reflections cannot be shared by {world_size()} processes.")
    return share
