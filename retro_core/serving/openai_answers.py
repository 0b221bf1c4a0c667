"""Writes results in OpenAI's shapes."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retro_core.serving.grammar import Choice
from retro_core.serving.jobs import Chosen, Finished, FinishReason, TokenMade
from retro_core.serving.openai_bodies import ChatBody
from retro_core.serving.service import LmService, Outcome
from retro_core.serving.stops import cut
from retro_core.serving.text import TextCodec

FINISH: dict[FinishReason, str] = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every part of one answer repeats."""

    id: str
    created: int
    model: str
    fingerprint: str

    def wrap(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """An answer or a chunk of one."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
            **more,
        }


_numbers = itertools.count(1)


def new_envelope(service: LmService, prefix: str, model: str) -> Envelope:
    """Number the next answer."""
    number = next(_numbers)
    fingerprint = f"{service.folder.name}"
    return Envelope(f"{prefix}-{service.started_at}-{number}", service.now(), model, fingerprint)


def usage(prompts: Sequence[Sequence[int]], completion_tokens: int) -> dict[str, Any]:
    """Count tokens; each prompt once."""
    prompt_tokens = sum(map(len, prompts))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def chat_choice(service: LmService, body: ChatBody, index: int, outcome: Outcome) -> dict[str, Any]:
    """One of n generated answers."""
    content = cut(outcome.text, body.stops)
    logprobs = None
    if body.logprobs:
        logprobs = {"content": [token_logprob(service.codec, t) for t in outcome.tokens]}
    return {
        "index": index,
        "message": {"role": "assistant", "content": content},
        "logprobs": logprobs,
        "finish_reason": finish_reason(outcome.finish),
    }


def chosen_answer(body: ChatBody, index: int, choice: Choice, chosen: Chosen) -> dict[str, Any]:
    """One of n answers that were chosen among strings."""
    logprobs = {"content": [choice_logprob(choice, chosen)]} if body.logprobs else None
    return {
        "index": index,
        "message": {
            "role": "assistant",
            "content": choice.written(choice.candidates[chosen.index]),
        },
        "logprobs": logprobs,
        "finish_reason": "stop",
    }


def choice_logprob(choice: Choice, chosen: Chosen) -> dict[str, Any]:
    """The chosen candidate as one entry, with every candidate beside it, best first.

    A candidate's log-probability is the sum over its tokens and the end of the turn, in nats.
    """
    totals = [sum(logprobs) for logprobs in chosen.logprobs]
    order = sorted(range(len(totals)), key=lambda i: -totals[i])
    entries = [
        {"token": text, "logprob": totals[i], "bytes": list(text.encode())}
        for i in order
        for text in [choice.candidates[i]]
    ]
    own = entries[order.index(chosen.index)]
    return {**own, "top_logprobs": entries}


def token_logprob(codec: TextCodec, token: TokenMade) -> dict[str, Any]:
    """One generated token with its alternatives."""
    return {
        **_entry(codec, token.id, token.logprob),
        "top_logprobs": [_entry(codec, *pair) for pair in token.top],
    }


def completion_choice(
    service: LmService, index: int, outcome: Outcome, stops: Sequence[str], top: int | None
) -> dict[str, Any]:
    """One answer of the completions route."""
    return {
        "index": index,
        "text": cut(outcome.text, stops),
        "logprobs": None if top is None else completion_logprobs(service.codec, outcome.tokens),
        "finish_reason": finish_reason(outcome.finish),
    }


def completion_logprobs(
    codec: TextCodec, tokens: Sequence[TokenMade], offset: int = 0
) -> dict[str, Any]:
    """The older shape of log-probabilities."""
    ends = itertools.accumulate((len(token.piece) for token in tokens), initial=offset)
    return {
        "tokens": [codec.token_text(token.id) for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [
            {codec.token_text(other): logprob for other, logprob in token.top} for token in tokens
        ],
        "text_offset": list(ends)[: len(tokens)],
    }


def finish_reason(finish: Finished | None) -> str | None:
    """The protocol's word for the end."""
    return FINISH[finish.reason] if finish else None


def _entry(codec: TextCodec, token: int, logprob: float) -> dict[str, Any]:
    raw = codec.token_bytes(token)
    return {"token": codec.token_text(token), "logprob": logprob, "bytes": list(raw)}
