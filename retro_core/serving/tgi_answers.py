"""Writes results in text-generation-inference's shapes."""

from typing import Any

from retro_core.serving.jobs import Choosing, Chosen, Generation, TokenMade
from retro_core.serving.service import Outcome
from retro_core.serving.text import TextCodec
from retro_core.serving.tgi_bodies import GenerateBody


def shown_text(body: GenerateBody, text: str) -> str:
    """The generated text, after the prompt where the body asks for both."""
    whole = bool(body.parameters and body.parameters.return_full_text)
    return body.inputs + text if whole else text


def token_shape(
    codec: TextCodec, token: int, logprob: float, piece: str | None = None
) -> dict[str, Any]:
    """One token. `piece` is the text that it completed, where that is known."""
    special = token in codec.special
    text = codec.token_text(token) if piece is None or special else piece
    return {"id": token, "text": text, "logprob": logprob, "special": special}


def generation_details(codec: TextCodec, work: Generation, outcome: Outcome) -> dict[str, Any]:
    """What is told about a generation."""
    # The log-probabilities are there only where they were asked for.
    prefill = zip(work.prompt, outcome.prompt_logprobs, strict=False)
    details: dict[str, Any] = {
        "finish_reason": outcome.finish.reason if outcome.finish else "length",
        "generated_tokens": len(outcome.tokens),
        "seed": work.sampling.seed if work.sampling.temperature else None,
        "prefill": [
            {"id": token, "text": codec.token_text(token), "logprob": logprob}
            for token, logprob in prefill
        ],
        "tokens": [token_shape(codec, t.id, t.logprob, t.piece) for t in outcome.tokens],
    }
    if work.top_tokens:
        details["top_tokens"] = [
            [token_shape(codec, *pair) for pair in token.top] for token in outcome.tokens
        ]
    return details


def choice_details(codec: TextCodec, work: Choosing, chosen: Chosen) -> dict[str, Any]:
    """What is told about a choice: the tokens of the candidate taken, and the end of the turn."""
    pairs = zip(work.candidates[chosen.index], chosen.logprobs[chosen.index], strict=True)
    tokens = [token_shape(codec, *pair) for pair in pairs]
    return {
        "finish_reason": "eos_token",
        "generated_tokens": len(tokens),
        "seed": work.seed if work.temperature else None,
        "prefill": [],
        "tokens": tokens,
    }


def stream_token(codec: TextCodec, index: int, event: TokenMade) -> dict[str, Any]:
    """One event of a stream."""
    shown: dict[str, Any] = {
        "index": index,
        "token": token_shape(codec, event.id, event.logprob, event.piece),
        "generated_text": None,
        "details": None,
    }
    if event.top:
        shown["top_tokens"] = [token_shape(codec, *pair) for pair in event.top]
    return shown


def stream_details(
    body: GenerateBody, details: dict[str, Any], input_length: int
) -> dict[str, Any] | None:
    """What the last event of a stream tells, where the body asks for it."""
    if not (body.parameters and body.parameters.details):
        return None
    kept = {key: details[key] for key in ("finish_reason", "generated_tokens", "seed")}
    return kept | {"input_length": input_length}
