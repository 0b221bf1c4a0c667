"""The text-generation-inference routes."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retro_core.serving.base_model import GGUF_SHA256, MODEL_NAME
from retro_core.serving.grammar import Choice
from retro_core.serving.jobs import Choosing, Chosen, Finished, Generation, TokenMade
from retro_core.serving.problems import NotServing, Problem
from retro_core.serving.service import LmService, Outcome, reseeded, service_of
from retro_core.serving.tgi_answers import (
    choice_details,
    generation_details,
    shown_text,
    stream_details,
    stream_token,
)
from retro_core.serving.tgi_bodies import (
    MAX_BEST_OF,
    MAX_STOP_SEQUENCES,
    GenerateBody,
    Parameters,
)
from retro_core.serving.tgi_work import choice_for, choosing_for, generation_for
from retro_core.serving.wire import event_stream, read_body, tgi_error


async def health(request: Request) -> Response:
    """200 once requests are served."""
    if not service_of(request).engine.alive:
        raise NotServing("the server is stopping")
    return Response(status_code=200)


async def info(request: Request) -> Response:
    """What is served, and its limits."""
    limits = service_of(request).limits
    return JSONResponse(
        {
            "model_id": MODEL_NAME,
            "model_sha": GGUF_SHA256,
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": limits.max_queue_requests,
            "max_best_of": MAX_BEST_OF,
            "max_stop_sequences": MAX_STOP_SEQUENCES,
            "max_input_tokens": limits.max_total - 1,
            "max_total_tokens": limits.max_total,
            "validation_workers": 1,
            "max_client_batch_size": 1,
            "router": "retro_core.serving",
            "version": "3.0.0",
            "sha": None,
            "docker_label": None,
        }
    )


async def tokenize(request: Request) -> Response:
    """The tokens of `inputs` with their places."""
    body = await read_body(request, GenerateBody)
    service = service_of(request)
    service.encode(body.inputs)
    placed = service.codec.placed(body.inputs)
    return JSONResponse([token._asdict() for token in placed])


async def compatible(request: Request) -> Response:
    """The root route: a list with one answer, or a stream where the body asks for one."""
    body = await read_body(request, GenerateBody)
    if body.stream:
        return await _stream(request, body)
    answer = await _generate(request, body)
    return JSONResponse([answer])


async def generate(request: Request) -> Response:
    """One answer."""
    return JSONResponse(await _generate(request, await read_body(request, GenerateBody)))


async def generate_stream(request: Request) -> Response:
    """One answer, token by token."""
    return await _stream(request, await read_body(request, GenerateBody))


async def _generate(request: Request, body: GenerateBody) -> dict[str, Any]:
    service, parameters = service_of(request), _parameters(body)
    choice = choice_for(parameters)
    if choice is not None:
        work = choosing_for(service, body, parameters, choice)
        chosen = (await service.choose(request, [work]))[0]
        return _chosen_answer(service, body, choice, work, chosen)
    first = await generation_for(service, body, parameters)
    works = [reseeded(first, offset) for offset in range(parameters.best_of or 1)]
    outcomes = await service.generate(request, works)
    # The most probable per token, as TGI chooses; sorting is stable, so the first seed wins.
    order = sorted(range(len(works)), key=lambda index: -outcomes[index].mean_logprob)
    answers = [_answer(service, body, works[index], outcomes[index]) for index in order]
    if len(answers) > 1 and "details" in answers[0]:
        answers[0]["details"]["best_of_sequences"] = [
            {"generated_text": answer["generated_text"], **answer["details"]}
            for answer in answers[1:]
        ]
    return answers[0]


def _parameters(body: GenerateBody) -> Parameters:
    return body.parameters or Parameters(details=False)


def _answer(
    service: LmService, body: GenerateBody, work: Generation, outcome: Outcome
) -> dict[str, Any]:
    parameters = _parameters(body)
    answer: dict[str, Any] = {"generated_text": shown_text(body, outcome.text)}
    if parameters.details:
        answer["details"] = generation_details(service.codec, work, outcome)
    return answer


def _chosen_answer(
    service: LmService, body: GenerateBody, choice: Choice, work: Choosing, chosen: Chosen
) -> dict[str, Any]:
    text = choice.written(choice.candidates[chosen.index])
    answer: dict[str, Any] = {"generated_text": shown_text(body, text)}
    if _parameters(body).details:
        answer["details"] = choice_details(service.codec, work, chosen)
    return answer


async def _stream(request: Request, body: GenerateBody) -> Response:
    service, parameters = service_of(request), _parameters(body)
    if parameters.best_of and parameters.best_of > 1:
        raise Problem("`best_of` != 1 is not supported when streaming tokens", field="best_of")
    if parameters.decoder_input_details:
        raise Problem(
            "`decoder_input_details` == true is not supported when streaming tokens",
            field="decoder_input_details",
        )
    choice = choice_for(parameters)
    if choice is not None:
        choosing = choosing_for(service, body, parameters, choice)
        return await event_stream(_stream_choice(request, body, choice, choosing), tgi_error)
    work = await generation_for(service, body, parameters)
    return await event_stream(_stream_generation(request, body, work), tgi_error)


async def _stream_choice(
    request: Request, body: GenerateBody, choice: Choice, work: Choosing
) -> AsyncIterator[dict[str, Any]]:
    service = service_of(request)
    chosen = (await service.choose(request, [work]))[0]
    details = choice_details(service.codec, work, chosen)
    for index, token in enumerate(details["tokens"], start=1):
        event = {"index": index, "token": token, "generated_text": None, "details": None}
        if index == len(details["tokens"]):
            text = choice.written(choice.candidates[chosen.index])
            event["generated_text"] = shown_text(body, text)
            event["details"] = stream_details(body, details, len(work.prompt))
        yield event


async def _stream_generation(
    request: Request, body: GenerateBody, work: Generation
) -> AsyncIterator[dict[str, Any]]:
    """Yield tokens one late, because the last one carries the details."""
    service, outcome = service_of(request), Outcome()
    held: dict[str, Any] | None = None
    async for _, event in service.run(request, [work]):
        if isinstance(event, TokenMade):
            if held is not None:
                yield held
            outcome.tokens.append(event)
            held = stream_token(service.codec, len(outcome.tokens), event)
        elif isinstance(event, Finished) and held is not None:
            outcome.finish = event
            held["generated_text"] = shown_text(body, outcome.text)
            details = generation_details(service.codec, work, outcome)
            held["details"] = stream_details(body, details, len(work.prompt))
            yield held
