"""Turns OpenAI bodies into work for the engine."""

from retro_core.serving.adapters import Adapter
from retro_core.serving.base_model import MODEL_NAME
from retro_core.serving.grammar import Choice, choice_in_schema
from retro_core.serving.jobs import Choosing, Generation
from retro_core.serving.openai_bodies import (
    DEFAULT_NEW_TOKENS,
    MAX_TEXTS,
    ChatBody,
    Common,
    CompletionBody,
    SchemaFormat,
    TextFormat,
)
from retro_core.serving.problems import Problem, Unknown
from retro_core.serving.sampling import Sampling
from retro_core.serving.service import LmService, reseeded


def adapter_for(service: LmService, model: str) -> Adapter | None:
    """Find what the `model` field names: the base, an adapter, or "base:adapter"."""
    name = model.removeprefix(f"{MODEL_NAME}:")
    if name == MODEL_NAME:
        return None
    try:
        return service.adapter(name)
    except Unknown as problem:
        raise Unknown(
            f"The model {model!r} does not exist: {problem.message}", field="model"
        ) from problem


def choice_for(body: ChatBody) -> Choice | None:
    """Read the response format as a choice among strings, where it is one."""
    if isinstance(body.response_format, SchemaFormat):
        return choice_in_schema(body.response_format.json_schema.schema_)
    return None


def chat_prompt(service: LmService, body: ChatBody) -> list[int]:
    """Write the conversation out as tokens."""
    text = service.codec.chat([message.plain() for message in body.messages])
    return service.encode(text)


def chat_choices(service: LmService, body: ChatBody, choice: Choice) -> list[Choosing]:
    """One piece of work for each of n answers."""
    seed = service.seed(body.seed)
    prompt, adapter = chat_prompt(service, body), adapter_for(service, body.model)
    return [
        service.choosing(
            prompt,
            choice,
            adapter=adapter,
            temperature=_temperature(body),
            seed=seed + offset,
            normalisation=body.choice_normalisation,
            every_score=bool(body.logprobs),
        )
        for offset in range(body.n or 1)
    ]


async def chat_generations(service: LmService, body: ChatBody) -> list[Generation]:
    """One piece of work for each of n answers."""
    constraint = None
    if isinstance(body.response_format, SchemaFormat):
        schema = body.response_format.json_schema.schema_
        constraint = await service.constraint("json", schema)
    elif body.response_format and not isinstance(body.response_format, TextFormat):
        constraint = await service.constraint("json", {"type": "object"})
    work = Generation(
        prompt=chat_prompt(service, body),
        adapter=adapter_for(service, body.model),
        max_new_tokens=0,
        sampling=_sampling(service, body),
        stop=body.stops,
        constraint=constraint,
        top_tokens=(body.top_logprobs or 0) if body.logprobs else 0,
    )
    wanted = body.max_completion_tokens or body.max_tokens
    return _siblings(service, body, work, wanted or None, default=DEFAULT_NEW_TOKENS)


def completion_generations(service: LmService, body: CompletionBody) -> list[Generation]:
    """For each prompt, one piece of work for each of n answers."""
    sampling, adapter = _sampling(service, body), adapter_for(service, body.model)
    works = []
    for prompt in _prompts(service, body):
        work = Generation(
            prompt, adapter, 0, sampling, stop=body.stops, top_tokens=body.logprobs or 0
        )
        # The protocol's own default for this route is 16 tokens.
        works += _siblings(service, body, work, body.max_tokens, default=16)
    return works


def _siblings(
    service: LmService, body: Common, work: Generation, wanted: int | None, *, default: int
) -> list[Generation]:
    room = max(service.limits.max_total - len(work.prompt), 1)
    new_tokens = wanted or min(default, room)
    service.check_length(work.prompt, new_tokens)
    return [reseeded(work, offset, max_new_tokens=new_tokens) for offset in range(body.n or 1)]


def _prompts(service: LmService, body: CompletionBody) -> list[list[int]]:
    prompts = [
        service.encode(item) if isinstance(item, str) else item
        for item in _prompt_items(body.prompt)
    ]
    if any(not 0 <= token < service.codec.vocabulary for tokens in prompts for token in tokens):
        raise Problem("prompt: a token id is outside the vocabulary", field="prompt")
    if not prompts:
        raise Problem("prompt: must hold at least one prompt", field="prompt")
    if len(prompts) * (body.n or 1) > MAX_TEXTS:
        raise Problem(f"prompt: at most {MAX_TEXTS} texts in one request", field="prompt")
    return prompts


def _prompt_items(given: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    """Read the prompt's four forms as a list of texts and token lists."""
    if isinstance(given, str):
        return [given]
    tokens = [item for item in given if isinstance(item, int)]
    return [tokens] if tokens else [item for item in given if not isinstance(item, int)]


def _temperature(body: Common) -> float:
    return 1.0 if body.temperature is None else body.temperature


def _sampling(service: LmService, body: Common) -> Sampling:
    return Sampling(
        temperature=_temperature(body),
        top_p=body.top_p or 1.0,
        frequency_penalty=body.frequency_penalty or 0.0,
        presence_penalty=body.presence_penalty or 0.0,
        seed=service.seed(body.seed),
    )
