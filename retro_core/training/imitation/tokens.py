"""Turns lessons into token sequences whose loss counts the teacher's actions alone."""

from dataclasses import dataclass
from typing import Protocol

from retro_core.prompts.actor import step_messages
from retro_core.training.imitation.games import Lesson

END_OF_TURN = "<|im_end|>"


class Encoder(Protocol):
    """The part of a tokenizer that is needed here."""

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, special tokens in it recognised."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Token ids of one chat; `learned[i]` says that token i counts in the loss."""

    tokens: list[int]
    learned: list[bool]


def tokenise(lesson: Lesson, encoder: Encoder) -> Sequence:
    """Write a lesson as the model's chat. The cut after each learned turn drops nothing before.

    Turns are encoded one by one; this equals encoding the whole, since a turn's marks are
    special tokens and the line break after a role never joins a word.
    """
    tokens: list[int] = []
    learned: list[bool] = []

    def add(text: str, *, counts: bool) -> None:
        ids = encoder.encode(text)
        tokens.extend(ids)
        learned.extend([counts] * len(ids))

    for message in lesson.head:
        add(f"<|im_start|>{message.role}\n{message.content}{END_OF_TURN}\n", counts=False)
    for step, counts in zip(lesson.steps, lesson.learned, strict=True):
        turn, observation = step_messages(step)
        add("<|im_start|>assistant\n", counts=False)
        add(f"{turn.content}{END_OF_TURN}", counts=counts)
        add(f"\n<|im_start|>user\n{observation.content}{END_OF_TURN}\n", counts=False)
    last = max((i for i, counts in enumerate(learned) if counts), default=-1)
    return Sequence(tokens[: last + 1], learned[: last + 1])
