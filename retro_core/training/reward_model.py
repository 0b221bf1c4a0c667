"""Trains the reward model: a rating predicted from prompt and reflection."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from retro_core.replay import preferences
from retro_core.training.context import StageInput, StageResult
from retro_core.training.cue_fit import fit_cues
from retro_core.training.cues import CueScore
from retro_core.training.evaluation import measure_reward_model
from retro_core.training.examples import Tokenizer, pad, pad_mask
from retro_core.training.hf_trainer import MonitorCallback, train, trainer_arguments
from retro_core.training.models import load_reward_model
from retro_core.training.reward_losses import bce_loss, pairwise_loss, regression_loss
from retro_core.training.scorer import RewardScorer, encode_for_score
from retro_core.training.selection import checked_objective
from retro_core.training.spec import Objective, TokenSpec, TrainingSpec
from retro_core.types import RatedReflection

# An item is the token ids of one text, the score that its cues give it, and its target; or of two
# texts and their margin.
Item = dict[str, Any]


def train_reward_model(given: StageInput) -> StageResult:
    """Tune the score to tell accepted reflections from rejected ones."""
    spec, rows = given.spec, given.snapshot.train
    objective = checked_objective(rows, spec)
    cues = fit_cues(rows, spec.dataset.accept_above) if spec.reward_model.cues else None
    items = Items(rows, objective, given.tokenizer, spec, cues)
    held = Items(given.snapshot.validation, objective, given.tokenizer, spec, cues)
    trainer = ScoreTrainer(
        model=load_reward_model(spec, given.base_sha256),
        args=_arguments(spec, given.out, has_validation=len(held) > 0),
        train_dataset=items,
        eval_dataset=held if len(held) else None,
        data_collator=lambda batch: collate(batch, given.tokenizer.pad_token_id),
        callbacks=[MonitorCallback(given.monitor)],
    )
    trainer.objective = objective
    finished = train(trainer, given.out, given.monitor)
    figures = _figures(given, trainer.model, objective, cues) if finished else {}
    return StageResult(trainer.model, trainer.state.global_step, finished, figures)


class Items(Dataset[Item]):  # type: ignore[misc]  # torch is untyped here
    """The snapshot as items of the chosen objective."""

    def __init__(
        self,
        rows: Sequence[RatedReflection],
        objective: Objective,
        tokenizer: Tokenizer,
        spec: TrainingSpec,
        cues: CueScore | None = None,
    ) -> None:
        tokens = spec.tokens
        if objective == "pairwise":
            self._items = _pair_items(rows, tokenizer, tokens, margin=spec.reward_model.margin)
            return
        above = spec.dataset.accept_above
        targets = [row.rating if objective == "regression" else row.rating > above for row in rows]
        pairs = [(row.prompt, row.text) for row in rows]
        starts = cues(pairs) if cues else [0.0] * len(rows)
        self._items = [
            {
                "texts": [encode_for_score(tokenizer, row.prompt, row.text, tokens)],
                "start": start,
                "target": target,
            }
            for row, start, target in zip(rows, starts, targets, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        return self._items[index]


def collate(batch: Sequence[Item], padding: int) -> dict[str, Tensor]:
    """Stack items: first all texts (or all better ones), then all worse ones."""
    width = len(batch[0]["texts"])
    texts = [item["texts"][place] for place in range(width) for item in batch]
    targets = torch.tensor([float(item["target"]) for item in batch])
    starts = torch.tensor([float(item.get("start", 0.0)) for item in batch])
    ids, mask = pad(texts, padding), pad_mask(texts)
    return {"input_ids": ids, "attention_mask": mask, "starts": starts, "labels": targets}


class ScoreTrainer(Trainer):  # type: ignore[misc]  # transformers is untyped here
    """A Trainer with the losses of the reward model."""

    objective: Objective = "bce"
    # Each part's loss is its own mean: the Trainer divides by the number of accumulated parts.
    loss_is_scaled_for_ga = False

    def compute_loss(
        self, model: Any, inputs: Mapping[str, Tensor], return_outputs: bool = False, **_: Any
    ) -> Any:
        """The mean loss of one batch."""
        output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        loss = self._loss(output.logits[:, 0].float(), inputs["starts"], inputs["labels"])
        return (loss, {"logits": output.logits}) if return_outputs else loss

    def _loss(self, scores: Tensor, starts: Tensor, targets: Tensor) -> Tensor:
        if self.objective == "pairwise":
            better, worse = scores.chunk(2)
            return pairwise_loss(better, worse, targets)
        if self.objective == "regression":
            return regression_loss(scores, targets)
        return bce_loss(scores + starts, targets)


def _pair_items(
    rows: Sequence[RatedReflection], tokenizer: Tokenizer, tokens: TokenSpec, *, margin: bool
) -> list[Item]:
    return [
        {
            "texts": [
                encode_for_score(tokenizer, pair.prompt, pair.chosen, tokens),
                encode_for_score(tokenizer, pair.prompt, pair.rejected, tokens),
            ],
            "target": pair.margin if margin else 0.0,
        }
        for pair in preferences(rows)
    ]


def _arguments(spec: TrainingSpec, out: Path, *, has_validation: bool) -> TrainingArguments:
    arguments = trainer_arguments(spec, out, has_validation=has_validation)
    return TrainingArguments(
        **arguments,
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
    )


def _figures(
    given: StageInput, model: Any, objective: Objective, cues: CueScore | None
) -> dict[str, Any]:
    """What the finished model is worth, and how its scores lie on the training rows."""
    scorer = RewardScorer(model, given.tokenizer, given.spec.tokens, cues=cues)
    rows = drawn(given.snapshot.train, given.spec.reward_model.scored, given.spec.seed)
    trained = scorer.score([(row.prompt, row.text) for row in rows])
    spread = torch.tensor(trained).std(correction=0).item()
    figures: dict[str, Any] = {
        "objective": objective,
        "tokens": given.spec.tokens.to_json(),
        "score_mean": sum(trained) / len(trained),
        "score_deviation": spread,
    }
    if cues:
        figures["cues"] = cues.to_json()
    held = [(row.prompt, row.text) for row in given.snapshot.validation]
    if held:
        figures["validation"] = measure_reward_model(
            given.snapshot,
            scorer.score(held),
            given.spec,
            probabilities=objective == "bce",
            cue_scores=cues(held) if cues else None,
        )
    return figures


def drawn(rows: Sequence[RatedReflection], most: int, seed: int) -> Sequence[RatedReflection]:
    """At most so many rows, drawn by the seed: a mean needs no more, and each row costs a pass."""
    return rows if len(rows) <= most else Random(seed).sample(rows, most)
