"""Scores reflections with a trained reward model, for PPO, GRPO and best of N."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from retro_core.errors import InvalidInput
from retro_core.training.adapters import check_parent, read_card
from retro_core.training.cues import CueScore
from retro_core.training.examples import (
    Tokenizer,
    encode_completion,
    encode_prompt,
    pad,
    pad_mask,
)
from retro_core.training.models import load_scoring_base, load_tokenizer, weights_digest
from retro_core.training.spec import (
    BaseModelSpec,
    Device,
    Precision,
    TokenSpec,
    TrainingSpec,
)

Model = Any  # transformers is untyped here
BATCH = 16


class RewardScorer:
    """Callable as `scorer(prompt, reflection) -> float`; a higher score is a better reflection."""

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        tokens: TokenSpec,
        *,
        cues: CueScore | None = None,
        mean: float = 0.0,
        deviation: float = 1.0,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._tokens = tokens
        self._cues = cues
        self._mean = mean
        self._deviation = deviation

    def __call__(self, prompt: str, text: str) -> float:
        """Score one reflection on its reflection prompt."""
        return self.score([(prompt, text)])[0]

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Score (prompt, reflection) pairs."""
        raw = score_pairs(self._model, self._tokenizer, pairs, self._tokens)
        if self._cues:
            raw = [score + start for score, start in zip(raw, self._cues(pairs), strict=True)]
        return [(score - self._mean) / self._deviation for score in raw]


def load_scorer(
    folder: Path,
    base_model: Path,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    normalise: bool = False,
) -> RewardScorer:
    """Load a reward model; `normalise` brings scores to mean 0, deviation 1 of its training."""
    card = read_card(folder)
    if card.get("kind") != "reward_model":
        raise InvalidInput(f"The adapter {folder} is not a reward model of this project.")
    check_parent(folder, weights_digest(base_model), "reward_model")
    tokenizer = load_tokenizer(base_model)
    held = BaseModelSpec(folder=str(base_model))
    spec = TrainingSpec(device=device, precision=precision, base_model=held)
    model = PeftModel.from_pretrained(load_scoring_base(spec), folder)
    model.eval()
    figures = card["figures"]
    return RewardScorer(
        model,
        tokenizer,
        TokenSpec.from_json(figures["tokens"]),
        cues=CueScore(**figures["cues"]) if "cues" in figures else None,
        mean=figures["score_mean"] if normalise else 0.0,
        deviation=(figures["score_deviation"] or 1.0) if normalise else 1.0,
    )


def encode_for_score(tokenizer: Tokenizer, prompt: str, text: str, tokens: TokenSpec) -> list[int]:
    """Reflection prompt, reflection, end: what the reward model is given.

    Its score is taken at the last token that is no padding. That is the end where padding has a
    token of its own; where padding is the end token, it is the last token of the reflection.
    """
    return [
        *encode_prompt(tokenizer, prompt, tokens),
        *encode_completion(tokenizer, text, tokens),
    ]


def score_pairs(
    model: Model, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], tokens: TokenSpec
) -> list[float]:
    """The raw scores of (prompt, reflection) pairs, computed in batches of like length."""
    frozen = next(model.parameters())
    device, narrow = frozen.device, frozen.dtype == torch.bfloat16
    training = model.training
    model.eval()
    texts = [encode_for_score(tokenizer, prompt, text, tokens) for prompt, text in pairs]
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # padding costs as text
    scores = [0.0] * len(texts)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        batch = [texts[place] for place in places]
        ids = pad(batch, tokenizer.pad_token_id).to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=narrow):
            logits = model(input_ids=ids, attention_mask=pad_mask(batch).to(device)).logits
        for place, score in zip(places, logits[:, 0].float().tolist(), strict=True):
            scores[place] = score
    model.train(training)
    return scores
