"""Prompts and reflections as tokens, for every stage."""

from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor

from retro_core.prompts.templates import reflector_text
from retro_core.training.spec import TokenSpec
from retro_core.types import RatedReflection

# transformers' tokenizers are untyped here, hence Any.
Tokenizer = Any


class Example(TypedDict):
    """One sequence; `completion_mask` is 1 on the tokens whose loss counts."""

    input_ids: list[int]
    completion_mask: list[int]


def encode_prompt(tokenizer: Tokenizer, prompt: str, tokens: TokenSpec) -> list[int]:
    """The tokens the reflector is asked with; a long prompt loses its start, as servers do it."""
    text = reflector_text(prompt, tokens.chat_template)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids[-tokens.prompt :]


def encode_completion(tokenizer: Tokenizer, text: str, tokens: TokenSpec) -> list[int]:
    """The tokens of a reflection and its end; a reflection cut at the limit has no end."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, tokenizer.eos_token_id][: tokens.completion]


def encode_example(prompt_ids: Sequence[int], completion_ids: Sequence[int]) -> Example:
    """Put prompt and completion together; only the completion's loss counts."""
    return {
        "input_ids": [*prompt_ids, *completion_ids],
        "completion_mask": [0] * len(prompt_ids) + [1] * len(completion_ids),
    }


def encode_rows(
    rows: Iterable[RatedReflection], tokenizer: Tokenizer, tokens: TokenSpec
) -> list[Example]:
    """Turn reflection prompts and reflections into sequences."""
    return [
        encode_example(
            encode_prompt(tokenizer, row.prompt, tokens),
            encode_completion(tokenizer, row.text, tokens),
        )
        for row in rows
    ]


def pad(sequences: Sequence[Sequence[int]], value: int, *, left: bool = False) -> Tensor:
    """Stack sequences to the longest (B, T), padded on the right unless told otherwise."""
    width = max((len(ids) for ids in sequences), default=0)
    gaps = [[value] * (width - len(ids)) for ids in sequences]
    rows = [
        [*gap, *ids] if left else [*ids, *gap] for ids, gap in zip(sequences, gaps, strict=True)
    ]
    return torch.tensor(rows, dtype=torch.long)


def pad_mask(sequences: Sequence[Sequence[int]], *, left: bool = False) -> Tensor:
    """1 where `pad` puts a token, 0 where it pads; (B, T)."""
    return pad([[1] * len(ids) for ids in sequences], 0, left=left)
