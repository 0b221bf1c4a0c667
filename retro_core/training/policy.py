"""The policy of PPO: a language model with an adapter, a value head, and its frozen reference."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from retro_core.training.examples import pad, pad_mask
from retro_core.training.ppo_losses import entropies

Model = Any  # peft is untyped here
REFERENCE = "reference"
POLICY = "default"


@dataclass(frozen=True)
class TokenBatch:
    """Prompts (B, P) padded on the left and reflections (B, T) padded on the right; masks 0/1."""

    prompt_ids: Tensor
    prompt_mask: Tensor
    ids: Tensor
    mask: Tensor

    def rows(self, picked: Tensor) -> "TokenBatch":
        """Some of the rows; `picked` (b,) holds their numbers."""
        parts = (self.prompt_ids, self.prompt_mask, self.ids, self.mask)
        return TokenBatch(*(part[picked] for part in parts))


@dataclass(frozen=True)
class TokenOutputs:
    """What the policy says of each reflection token; all (B, T)."""

    logprobs: Tensor
    values: Tensor
    entropies: Tensor


def token_batch(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    padding: int,
    device: torch.device,
) -> TokenBatch:
    """Stack tokenised prompts and reflections."""
    return TokenBatch(
        prompt_ids=pad(prompts, padding, left=True).to(device),
        prompt_mask=pad_mask(prompts, left=True).to(device),
        ids=pad(completions, padding).to(device),
        mask=pad_mask(completions).to(device),
    )


class Policy:
    """Evaluates reflections under the policy and under its reference.

    With `parent` the reference is that adapter, loaded a second time and frozen; without it is the
    base model with the adapter switched off.
    """

    def __init__(
        self, model: Model, *, temperature: float, parent: Path | None, autocast: bool
    ) -> None:
        self.model = model
        self._temperature = temperature
        self._has_parent = parent is not None
        self._autocast = autocast
        if parent is not None:
            model.load_adapter(parent, adapter_name=REFERENCE, is_trainable=False)
            model.set_adapter(POLICY)
        self.device = next(model.parameters()).device
        head = model.get_output_embeddings()
        self.value_head = nn.Linear(head.in_features, 1, device=self.device)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        # Its input is the last hidden state, already cut to the positions asked for.
        head.register_forward_hook(self._keep_hidden)
        self._hidden: Tensor | None = None

    def trainable(self) -> dict[str, nn.Parameter]:
        """The weights of the adapter and of the value head, by name."""
        named = {name: p for name, p in self.model.named_parameters() if _is_policy(name)}
        heads = {f"value_head.{name}": p for name, p in self.value_head.named_parameters()}
        return {**named, **heads}

    def outputs(self, batch: TokenBatch) -> TokenOutputs:
        """Log-probabilities, values and entropies of the reflection tokens."""
        logits = self._logits(batch)
        hidden = self._hidden
        assert hidden is not None  # the hook has run within the forward pass
        return TokenOutputs(
            logprobs=_chosen(logits, batch.ids),
            values=self.value_head(hidden[:, :-1].float())[..., 0],
            entropies=entropies(logits),
        )

    def reference_logprobs(self, batch: TokenBatch) -> Tensor:
        """Log-probabilities under the reference; no gradient."""
        with torch.no_grad(), self._as_reference():
            return _chosen(self._logits(batch), batch.ids)

    def _logits(self, batch: TokenBatch) -> Tensor:
        """Logits (B, T, V) at the policy's temperature, before each reflection token."""
        attention = torch.cat([batch.prompt_mask, batch.mask], dim=1)
        with self._precision():
            output = self.model(
                input_ids=torch.cat([batch.prompt_ids, batch.ids], dim=1),
                attention_mask=attention,
                position_ids=(attention.cumsum(dim=1) - 1).clamp_min(0),
                logits_to_keep=batch.ids.shape[1] + 1,
                use_cache=False,
            )
        logits: Tensor = output.logits[:, :-1].float() / self._temperature
        return logits

    def _precision(self) -> AbstractContextManager[Any]:
        if not self._autocast:
            return nullcontext()
        cast: AbstractContextManager[Any] = torch.autocast(self.device.type, dtype=torch.bfloat16)
        return cast

    def _keep_hidden(self, _module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        self._hidden = inputs[0]

    @contextmanager
    def _as_reference(self) -> Iterator[None]:
        if not self._has_parent:
            with self.model.disable_adapter():
                yield
            return
        self.model.set_adapter(REFERENCE)
        try:
            yield
        finally:
            self.model.set_adapter(POLICY)


def _is_policy(name: str) -> bool:
    return f".{POLICY}." in name


def _chosen(logits: Tensor, ids: Tensor) -> Tensor:
    return torch.log_softmax(logits, dim=-1).gather(-1, ids[..., None])[..., 0]
