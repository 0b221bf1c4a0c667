"""Reads many reflections with a model: `python -m retro_core.training.measure INPUT --out FILE`.

The input is JSON lines {key, prompt, text}. With an adapter the result is a line {key, score} each,
without one {key, vector}: the mean over the text's tokens of the frozen model's last hidden states.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from retro_core.errors import RetroError

BATCH = 16
MOST_TOKENS = 512
Row = dict[str, Any]  # a line of the input


def main() -> int:
    """Write a line for each row as soon as its batch is done."""
    parser = argparse.ArgumentParser(prog="python -m retro_core.training.measure")
    parser.add_argument("input", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--adapter", type=Path, help="folder of a reward model")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.input.read_text().split("\n") if line]
    try:
        lines = (
            scores(rows, arguments.adapter, arguments.base)
            if arguments.adapter
            else features(rows, arguments.base)
        )
        with arguments.out.open("w", encoding="utf-8") as stream:
            for line in lines:
                stream.write(json.dumps(line) + "\n")
                stream.flush()
    except RetroError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def scores(rows: Sequence[Row], adapter: Path, base: Path) -> Iterator[Row]:
    """A reward model's score of each row."""
    from retro_core.training.scorer import load_scorer  # loads the model library

    scorer = load_scorer(adapter, base)
    for batch in _batches(rows):
        found = scorer.score([(row["prompt"], row["text"]) for row in batch])
        yield from ({"key": row["key"], "score": s} for row, s in zip(batch, found, strict=True))


def features(rows: Sequence[Row], base: Path) -> Iterator[Row]:
    """The frozen model's features of each text."""
    import torch
    from transformers import AutoModel

    from retro_core.training.models import load_tokenizer

    tokenizer = load_tokenizer(base)
    model = AutoModel.from_pretrained(base, dtype=torch.float32).eval()
    longest = min(MOST_TOKENS, getattr(model.config, "max_position_embeddings", MOST_TOKENS))
    for batch in _batches(rows):
        texts = [row["text"] or " " for row in batch]
        read = tokenizer(
            texts, return_tensors="pt", padding=True, truncation=True, max_length=longest
        )
        with torch.no_grad():
            hidden = model(**read).last_hidden_state
        mask = read["attention_mask"].unsqueeze(-1)
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        for row, vector in zip(batch, pooled.tolist(), strict=True):
            yield {"key": row["key"], "vector": vector}


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Texts of like length together: padding costs as much as text."""
    ordered = sorted(rows, key=lambda row: len(row["prompt"]) + len(row["text"]))
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]


if __name__ == "__main__":
    sys.exit(main())
