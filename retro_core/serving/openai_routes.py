"""The OpenAI routes."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retro_core.serving.base_model import MODEL_NAME
from retro_core.serving.grammar import Choice
from retro_core.serving.jobs import Finished, Generation, TokenMade
from retro_core.serving.openai_answers import (
    Envelope,
    chat_choice,
    chosen_answer,
    completion_choice,
    completion_logprobs,
    finish_reason,
    new_envelope,
    token_logprob,
    usage,
)
from retro_core.serving.openai_bodies import ChatBody, Common, CompletionBody
from retro_core.serving.openai_work import (
    adapter_for,
    chat_choices,
    chat_generations,
    choice_for,
    completion_generations,
)
from retro_core.serving.service import service_of
from retro_core.serving.stops import StopCutter
from retro_core.serving.wire import event_stream, openai_error, read_body

DONE = "[DONE]"


async def models(request: Request) -> Response:
    """The base model and every adapter."""
    service = service_of(request)
    names = [(MODEL_NAME, service.started_at)]
    names += [(adapter.name, int(adapter.loaded_at)) for adapter in service.adapters.all()]
    return JSONResponse({"object": "list", "data": [_model(*pair) for pair in names]})


async def model(request: Request) -> Response:
    """One model by name."""
    service, name = service_of(request), request.path_params["name"]
    adapter = adapter_for(service, name)
    return JSONResponse(_model(name, int(adapter.loaded_at if adapter else service.started_at)))


async def chat(request: Request) -> Response:
    """POST /v1/chat/completions."""
    service, body = service_of(request), await read_body(request, ChatBody)
    choice = choice_for(body)
    if choice is not None:
        return await _chosen(request, body, choice)
    works = await chat_generations(service, body)
    envelope = new_envelope(service, "chatcmpl", body.model)
    if body.stream:
        events = _chat_chunks(request, body, works, envelope)
        return await event_stream(events, openai_error, last=DONE)
    outcomes = await service.generate(request, works)
    answers = [chat_choice(service, body, i, outcome) for i, outcome in enumerate(outcomes)]
    made = sum(len(outcome.tokens) for outcome in outcomes)
    counted = usage([works[0].prompt], made)
    return JSONResponse(envelope.wrap("chat.completion", answers, usage=counted))


async def completions(request: Request) -> Response:
    """POST /v1/completions."""
    service, body = service_of(request), await read_body(request, CompletionBody)
    works = completion_generations(service, body)
    envelope = new_envelope(service, "cmpl", body.model)
    if body.stream:
        events = _completion_chunks(request, body, works, envelope)
        return await event_stream(events, openai_error, last=DONE)
    outcomes = await service.generate(request, works)
    answers = [
        completion_choice(service, i, outcome, body.stops, body.logprobs)
        for i, outcome in enumerate(outcomes)
    ]
    made = sum(len(outcome.tokens) for outcome in outcomes)
    counted = usage(_prompts(body, works), made)
    return JSONResponse(envelope.wrap("text_completion", answers, usage=counted))


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "retroformer-studio"}


def _prompts(body: Common, works: Sequence[Generation]) -> list[list[int]]:
    return [work.prompt for work in works[:: body.n or 1]]


async def _chosen(request: Request, body: ChatBody, choice: Choice) -> Response:
    service = service_of(request)
    works = chat_choices(service, body, choice)
    envelope = new_envelope(service, "chatcmpl", body.model)
    results = await service.choose(request, works)
    answers = [chosen_answer(body, i, choice, chosen) for i, chosen in enumerate(results)]
    made = sum(len(chosen.logprobs[chosen.index]) for chosen in results)
    counted = usage([works[0].prompt], made)
    if body.stream:
        events = _chosen_chunks(body, answers, envelope, counted)
        return await event_stream(events, openai_error, last=DONE)
    return JSONResponse(envelope.wrap("chat.completion", answers, usage=counted))


async def _chosen_chunks(
    body: ChatBody, answers: list[dict[str, Any]], envelope: Envelope, counted: dict[str, Any]
) -> AsyncIterator[dict[str, Any]]:
    for answer in answers:
        text = {"delta": answer["message"], "logprobs": answer["logprobs"], "finish_reason": None}
        yield _chat_chunk(envelope, {"index": answer["index"], **text})
        yield _chat_chunk(envelope, _last_choice(answer["index"], "stop"))
    if body.stream_options and body.stream_options.include_usage:
        yield envelope.wrap("chat.completion.chunk", [], usage=counted)


async def _chat_chunks(
    request: Request, body: ChatBody, works: list[Generation], envelope: Envelope
) -> AsyncIterator[dict[str, Any]]:
    service, made = service_of(request), 0
    cutters = [StopCutter(body.stops) for _ in works]
    async for index, event in service.run(request, works):
        if isinstance(event, TokenMade):
            made += 1
            logprobs = {"content": [token_logprob(service.codec, event)]} if body.logprobs else None
            yield _chat_text(envelope, index, cutters[index].feed(event.piece), logprobs)
        elif isinstance(event, Finished):
            rest = cutters[index].feed(event.tail) + cutters[index].flush()
            if rest:
                yield _chat_text(envelope, index, rest, None)
            yield _chat_chunk(envelope, _last_choice(index, finish_reason(event)))
    if body.stream_options and body.stream_options.include_usage:
        yield envelope.wrap("chat.completion.chunk", [], usage=usage([works[0].prompt], made))


def _chat_text(
    envelope: Envelope, index: int, text: str, logprobs: dict[str, Any] | None
) -> dict[str, Any]:
    delta = {"role": "assistant", "content": text}
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    return _chat_chunk(envelope, choice)


def _last_choice(index: int, reason: str | None) -> dict[str, Any]:
    delta = {"role": "assistant", "content": ""}
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}


def _chat_chunk(envelope: Envelope, choice: dict[str, Any]) -> dict[str, Any]:
    return envelope.wrap("chat.completion.chunk", [choice])


async def _completion_chunks(
    request: Request, body: CompletionBody, works: list[Generation], envelope: Envelope
) -> AsyncIterator[dict[str, Any]]:
    service, made = service_of(request), 0
    cutters = [StopCutter(body.stops) for _ in works]
    offsets = [0 for _ in works]
    async for index, event in service.run(request, works):
        choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": None}
        if isinstance(event, TokenMade):
            made += 1
            if body.logprobs is not None:
                choice["logprobs"] = completion_logprobs(service.codec, [event], offsets[index])
            offsets[index] += len(event.piece)
            choice["text"] = cutters[index].feed(event.piece)
            yield envelope.wrap("text_completion", [choice])
        elif isinstance(event, Finished):
            choice["text"] = cutters[index].feed(event.tail) + cutters[index].flush()
            choice["finish_reason"] = finish_reason(event)
            yield envelope.wrap("text_completion", [choice])
    if body.stream_options and body.stream_options.include_usage:
        counted = usage(_prompts(body, works), made)
        yield envelope.wrap("text_completion", [], usage=counted)
