"""Turns text-generation-inference bodies into work for the engine."""

import json
from typing import Any

from retro_core.serving.adapters import Adapter
from retro_core.serving.grammar import Choice, Constraint, choice_in_regex, choice_in_schema
from retro_core.serving.jobs import Choosing, Generation
from retro_core.serving.problems import Problem, Unknown
from retro_core.serving.sampling import Sampling
from retro_core.serving.service import LmService
from retro_core.serving.tgi_bodies import (
    DEFAULT_NEW_TOKENS,
    MAX_BEST_OF,
    GenerateBody,
    JsonGrammar,
    JsonSchemaGrammar,
    Parameters,
    RegexGrammar,
)


def choice_for(parameters: Parameters) -> Choice | None:
    """Read the grammar as a choice among strings, where it is one."""
    grammar = parameters.grammar
    if grammar is None:
        return None
    if isinstance(grammar, RegexGrammar):
        return choice_in_regex(grammar.value)
    return choice_in_schema(_schema(grammar))


def choosing_for(
    service: LmService, body: GenerateBody, parameters: Parameters, choice: Choice
) -> Choosing:
    """Make the work of a choice."""
    _refuse_unsupported(parameters)
    sampling = _sampling(service, parameters)
    return service.choosing(
        _prompt(service, body, parameters),
        choice,
        adapter=_adapter(service, parameters),
        temperature=sampling.temperature,
        seed=sampling.seed,
        normalisation=parameters.choice_normalisation,
    )


async def generation_for(
    service: LmService, body: GenerateBody, parameters: Parameters
) -> Generation:
    """Make the work of a generation, within the limits."""
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
    prompt = service.encode(body.inputs)
    return prompt[-parameters.truncate :] if parameters.truncate else prompt


def _adapter(service: LmService, parameters: Parameters) -> Adapter | None:
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


async def _constraint(service: LmService, parameters: Parameters) -> Constraint | None:
    grammar = parameters.grammar
    if grammar is None:
        return None
    if isinstance(grammar, RegexGrammar):
        return await service.constraint("regex", grammar.value)
    return await service.constraint("json", _schema(grammar))


def _schema(grammar: JsonGrammar | JsonSchemaGrammar) -> Any:  # a JSON value of any kind
    if not isinstance(grammar, JsonGrammar):
        return grammar.value.schema_
    if not isinstance(grammar.value, str):
        return grammar.value
    try:
        return json.loads(grammar.value)
    except (ValueError, RecursionError) as error:
        raise Problem(f"grammar is not JSON: {error}", field="grammar") from error
