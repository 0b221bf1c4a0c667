"""The text-generation-inference routes."""

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retro_core.serving.base_model import GGUF_SHA256, MODEL_NAME
from retro_core.serving.grammar import Choice, Constraint, choice_in_regex, choice_in_schema
from retro_core.serving.jobs import Chosen, Finished, Generation, TokenMade
from retro_core.serving.problems import NotServing, Problem, Unknown
from retro_core.serving.sampling import Sampling
from retro_core.serving.service import LmService, Outcome, reseeded
from retro_core.serving.tgi_bodies import (
    DEFAULT_NEW_TOKENS,
    MAX_BEST_OF,
    MAX_STOP_SEQUENCES,
    GenerateBody,
    JsonGrammar,
    Parameters,
    RegexGrammar,
)
from retro_core.serving.wire import event_stream, read_body, tgi_error


async def health(request: Request) -> Response:
    """200 once requests are served."""
    if not _service(request).engine.alive:
        raise NotServing("the server is stopping")
    return Response(status_code=200)


async def info(request: Request) -> Response:
    """What is served, and its limits."""
    limits = _service(request).limits
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
    placed = _service(request).codec.placed(body.inputs)
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


def _service(request: Request) -> LmService:
    service: LmService = request.app.state.service
    return service


async def _generate(request: Request, body: GenerateBody) -> dict[str, Any]:
    service = _service(request)
    parameters = body.parameters or Parameters(details=False)
    choice = _choice(parameters)
    if choice is not None:
        return await _choose(request, body, parameters, choice)
    work = await _work(service, body, parameters)
    works = [reseeded(work, offset) for offset in range(parameters.best_of or 1)]
    outcomes = await service.generate(request, works)
    # Ties go to the first, so the answer does not depend on timing.
    order = sorted(range(len(works)), key=lambda index: -outcomes[index].total_logprob)
    details = [_details(service, works[i], outcomes[i], parameters) for i in order]
    texts = [_shown(body, parameters, outcomes[i].text) for i in order]
    answer: dict[str, Any] = {"generated_text": texts[0]}
    if parameters.details:
        answer["details"] = details[0]
        if parameters.best_of and parameters.best_of > 1:
            rest = zip(texts[1:], details[1:], strict=True)
            answer["details"]["best_of_sequences"] = [
                {"generated_text": text, **detail} for text, detail in rest
            ]
    return answer


async def _choose(
    request: Request, body: GenerateBody, parameters: Parameters, choice: Choice
) -> dict[str, Any]:
    service = _service(request)
    prompt = _prompt(service, body, parameters)
    sampling = _sampling(service, parameters)
    work = service.choosing(
        prompt,
        choice,
        adapter=_adapter(service, parameters),
        temperature=sampling.temperature,
        seed=sampling.seed,
        normalisation=parameters.choice_normalisation,
    )
    chosen = (await service.choose(request, [work]))[0]
    text = choice.written(choice.candidates[chosen.index])
    answer: dict[str, Any] = {"generated_text": _shown(body, parameters, text)}
    if parameters.details:
        answer["details"] = _choice_details(service, work.candidates, chosen, sampling.seed)
    return answer


async def _stream(request: Request, body: GenerateBody) -> Response:
    service = _service(request)
    parameters = body.parameters or Parameters(details=False)
    if parameters.best_of and parameters.best_of > 1:
        raise Problem("`best_of` != 1 is not supported when streaming tokens", field="best_of")
    if parameters.decoder_input_details:
        raise Problem(
            "`decoder_input_details` == true is not supported when streaming tokens",
            field="decoder_input_details",
        )
    choice = _choice(parameters)
    if choice is not None:
        return await event_stream(_stream_choice(request, body, parameters, choice), tgi_error)
    work = await _work(service, body, parameters)
    return await event_stream(_stream_tokens(request, body, work, parameters), tgi_error)


async def _stream_choice(
    request: Request, body: GenerateBody, parameters: Parameters, choice: Choice
) -> AsyncIterator[dict[str, Any]]:
    answer = await _choose(request, body, parameters.model_copy(update={"details": True}), choice)
    tokens = answer["details"]["tokens"]
    for index, token in enumerate(tokens[:-1]):
        yield {"index": index + 1, "token": token, "generated_text": None, "details": None}
    yield {
        "index": len(tokens),
        "token": tokens[-1],
        "generated_text": answer["generated_text"],
        "details": _stream_details(answer["details"], parameters, 0),
    }


async def _stream_tokens(
    request: Request, body: GenerateBody, work: Generation, parameters: Parameters
) -> AsyncIterator[dict[str, Any]]:
    service, outcome = _service(request), Outcome()
    held: dict[str, Any] | None = None
    async for _, event in service.run(request, [work]):
        if isinstance(event, TokenMade):
            if held is not None:
                yield held
            outcome.tokens.append(event)
            held = _stream_token(service, len(outcome.tokens), event)
        elif isinstance(event, Finished) and held is not None:
            outcome.finish = event
            held["generated_text"] = _shown(body, parameters, outcome.text)
            details = _details(service, work, outcome, parameters)
            held["details"] = _stream_details(details, parameters, len(work.prompt))
            yield held


def _stream_token(service: LmService, index: int, event: TokenMade) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "index": index,
        "token": _token(service, event.id, event.logprob, text=event.piece),
        "generated_text": None,
        "details": None,
    }
    if event.top:
        shown["top_tokens"] = [_token(service, *pair) for pair in event.top]
    return shown


def _stream_details(
    details: dict[str, Any], parameters: Parameters, input_length: int
) -> dict[str, Any] | None:
    if not parameters.details:
        return None
    kept = {key: details[key] for key in ("finish_reason", "generated_tokens", "seed")}
    return kept | {"input_length": input_length}


async def _work(service: LmService, body: GenerateBody, parameters: Parameters) -> Generation:
    _refuse_unsupported(parameters)
    prompt = _prompt(service, body, parameters)
    room = max(service.limits.max_total - len(prompt), 1)
    new_tokens = parameters.max_new_tokens or min(DEFAULT_NEW_TOKENS, room)
    service.check_length(prompt, new_tokens)
    return Generation(
        prompt=prompt,
        adapter=_adapter(service, parameters),
        max_new_tokens=new_tokens,
        sampling=_sampling(service, parameters),
        stop=tuple(parameters.stop),
        constraint=await _constraint(service, parameters),
        top_tokens=parameters.top_n_tokens or 0,
        prompt_logprobs=parameters.decoder_input_details,
    )


def _refuse_unsupported(parameters: Parameters) -> None:
    if parameters.watermark:
        raise Problem("`watermark` is not supported", field="watermark")
    if "" in parameters.stop:
        raise Problem("`stop` must not hold an empty string", field="stop")
    best_of = parameters.best_of or 1
    if best_of > MAX_BEST_OF:
        raise Problem(f"`best_of` must be > 0 and <= {MAX_BEST_OF}", field="best_of")
    if best_of > 1 and not _samples(parameters):
        raise Problem("you must use sampling when `best_of` is > 1", field="best_of")


def _samples(parameters: Parameters) -> bool:
    warpers = (parameters.temperature, parameters.top_k, parameters.top_p, parameters.typical_p)
    return parameters.do_sample or any(warper is not None for warper in warpers)


def _prompt(service: LmService, body: GenerateBody, parameters: Parameters) -> list[int]:
    prompt = service.codec.encode(body.inputs)
    return prompt[-parameters.truncate :] if parameters.truncate else prompt


def _adapter(service: LmService, parameters: Parameters) -> Any:
    if not parameters.adapter_id:
        return None
    try:
        return service.adapter(parameters.adapter_id)
    except Unknown as problem:
        # The protocol knows no 404 here.
        raise Problem(problem.message, field="adapter_id") from problem


def _sampling(service: LmService, parameters: Parameters) -> Sampling:
    return Sampling(
        temperature=(parameters.temperature or 1.0) if _samples(parameters) else 0.0,
        top_k=parameters.top_k or 0,
        top_p=parameters.top_p or 1.0,
        typical_p=parameters.typical_p or 1.0,
        repetition_penalty=parameters.repetition_penalty or 1.0,
        frequency_penalty=parameters.frequency_penalty or 0.0,
        seed=service.seed(parameters.seed),
    )


def _schema(grammar: Any) -> Any:
    if isinstance(grammar, JsonGrammar):
        return _parsed(grammar.value) if isinstance(grammar.value, str) else grammar.value
    return grammar.value.schema_


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem(f"grammar is not JSON: {error}", field="grammar") from error


def _choice(parameters: Parameters) -> Choice | None:
    grammar = parameters.grammar
    if grammar is None:
        return None
    if isinstance(grammar, RegexGrammar):
        return choice_in_regex(grammar.value)
    return choice_in_schema(_schema(grammar))


async def _constraint(service: LmService, parameters: Parameters) -> Constraint | None:
    grammar = parameters.grammar
    if grammar is None:
        return None
    if isinstance(grammar, RegexGrammar):
        return await service.constraint("regex", grammar.value)
    return await service.constraint("json", _schema(grammar))


def _shown(body: GenerateBody, parameters: Parameters, text: str) -> str:
    return body.inputs + text if parameters.return_full_text else text


def _token(
    service: LmService, token: int, logprob: float, text: str | None = None
) -> dict[str, Any]:
    special = token in service.codec.special
    if text is None or special:
        text = service.codec.token_text(token)
    return {"id": token, "text": text, "logprob": logprob, "special": special}


def _details(
    service: LmService, work: Generation, outcome: Outcome, parameters: Parameters
) -> dict[str, Any]:
    prefill = zip(work.prompt, outcome.prompt_logprobs, strict=False)
    details: dict[str, Any] = {
        "finish_reason": outcome.finish.reason if outcome.finish else "length",
        "generated_tokens": len(outcome.tokens),
        "seed": work.sampling.seed if _samples(parameters) else None,
        "prefill": [
            {"id": token, "text": service.codec.token_text(token), "logprob": logprob}
            for token, logprob in prefill
        ],
        "tokens": [_token(service, t.id, t.logprob, t.piece) for t in outcome.tokens],
    }
    if work.top_tokens:
        details["top_tokens"] = [
            [_token(service, *pair) for pair in token.top] for token in outcome.tokens
        ]
    return details


def _choice_details(
    service: LmService, candidates: list[list[int]], chosen: Chosen, seed: int
) -> dict[str, Any]:
    tokens, logprobs = candidates[chosen.index], chosen.logprobs[chosen.index]
    pairs = zip(tokens, logprobs, strict=True)
    return {
        "finish_reason": "eos_token",
        "generated_tokens": len(tokens),
        "seed": seed,
        "prefill": [],
        "tokens": [_token(service, *pair) for pair in pairs],
    }
