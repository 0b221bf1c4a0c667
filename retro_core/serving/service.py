"""The server's parts together, and the bridge from web requests to the engine's thread."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from starlette.requests import Request

from retro_core.errors import InvalidInput
from retro_core.serving.adapters import Adapter, AdapterRegistry
from retro_core.serving.base_model import MODEL_NAME
from retro_core.serving.engine import Engine, Limits
from retro_core.serving.grammar import Choice, Constraint, Grammars
from retro_core.serving.jobs import (
    Abandoned,
    Choosing,
    Chosen,
    Event,
    Failed,
    Finished,
    Generation,
    Job,
    PromptScored,
    TokenMade,
)
from retro_core.serving.llama import Llama
from retro_core.serving.problems import GenerationFailed, NotServing, Problem, TooLong, Unknown
from retro_core.serving.text import TextCodec

# Longer texts are refused unread, so that tokenizing never holds up the other requests.
MAX_CHARACTERS_PER_TOKEN = 32


@dataclass(slots=True)
class Outcome:
    """A finished generation."""

    tokens: list[TokenMade] = field(default_factory=list)
    prompt_logprobs: list[float | None] = field(default_factory=list)
    finish: Finished | None = None

    @property
    def text(self) -> str:
        """Everything that was written."""
        tail = self.finish.tail if self.finish else ""
        return "".join(token.piece for token in self.tokens) + tail

    @property
    def mean_logprob(self) -> float:
        """The mean over the tokens, in nats; of none minus infinity."""
        if not self.tokens:
            return -inf
        return sum(token.logprob for token in self.tokens) / len(self.tokens)


class LmService:
    """One base model, its adapters and its engine."""

    def __init__(
        self, folder: Path, limits: Limits, *, device: str, dtype: str, lanes: int = 1
    ) -> None:
        self.folder, self.limits = folder, limits
        self.model = Llama(folder, device=device, dtype=dtype)
        self.codec = TextCodec(folder)
        self.grammars = Grammars(folder, self.codec.end_token)
        self.adapters = AdapterRegistry(self.model.shape, self.model.device, self.model.dtype)
        self.engine = Engine(self.model, self.codec, limits, lanes=lanes)
        self.started_at = int(time.time())
        self._seeds = itertools.count(1)

    def load_adapter(self, name: str, folder: Path) -> Adapter:
        """Load or replace an adapter by name."""
        if name == MODEL_NAME:
            raise InvalidInput(f"{name!r} is the base model's name.")
        return self.adapters.load(name, folder, clock=time.time)

    def adapter(self, name: str) -> Adapter:
        """Look an adapter up; never the base model in its stead."""
        found = self.adapters.get(name)
        if found is None:
            known = ", ".join(adapter.name for adapter in self.adapters.all()) or "none"
            raise Unknown(f"adapter {name!r} is not loaded; loaded adapters: {known}")
        return found

    def now(self) -> int:
        """The time in whole seconds, for the protocols' `created` fields."""
        return int(time.time())

    def seed(self, given: int | None) -> int:
        """Use the given seed, or the next of a plain count."""
        return next(self._seeds) if given is None else given

    def encode(self, text: str) -> list[int]:
        """Turn text into tokens, refusing at once what is hopelessly long."""
        limit = self.limits.max_total
        if len(text) > limit * MAX_CHARACTERS_PER_TOKEN:
            raise TooLong(
                f"`inputs` must have less than {limit} tokens. Given: {len(text)} characters",
                field="inputs",
            )
        return self.codec.encode(text)

    def check_length(self, prompt: Sequence[int], new_tokens: int) -> None:
        """Refuse what does not fit the context, naming the limit."""
        limit = self.limits.max_total
        if not prompt:
            raise Problem("`inputs` must have at least 1 token", field="inputs")
        if len(prompt) >= limit:
            raise TooLong(
                f"`inputs` must have less than {limit} tokens. Given: {len(prompt)}",
                field="inputs",
            )
        if len(prompt) + new_tokens > limit:
            raise TooLong(
                f"`inputs` tokens + `max_new_tokens` must be <= {limit}. Given: {len(prompt)} "
                f"`inputs` tokens and {new_tokens} `max_new_tokens`",
                field="max_new_tokens",
            )

    def choosing(self, prompt: list[int], choice: Choice, **fields: Any) -> Choosing:
        """Turn a choice into work, within the limits. `fields` are those of Choosing."""
        self.encode("".join(choice.candidates))
        candidates = [self.codec.candidate(text) for text in choice.candidates]
        size = sum(map(len, candidates))
        if size > self.limits.max_choice:
            raise TooLong(
                f"the candidates must have at most {self.limits.max_choice} tokens together. "
                f"Given: {size}",
                field="response_format",
            )
        self.check_length(prompt, max(map(len, candidates)))
        return Choosing(prompt=prompt, candidates=candidates, **fields)

    async def constraint(self, kind: str, value: str | Mapping[str, Any] | bool) -> Constraint:
        """Compile a grammar away from the event loop."""
        if kind == "regex":
            return await asyncio.to_thread(self.grammars.regex, str(value))
        if isinstance(value, str):
            raise Problem("a JSON schema must be an object", field="grammar")
        return await asyncio.to_thread(self.grammars.json_schema, value)

    async def run(
        self, request: Request, works: Sequence[Generation | Choosing]
    ) -> AsyncIterator[tuple[int, Event]]:
        """Yield (index of the work, event) until all are done; cancel if the client leaves."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue()

        def sender(index: int) -> Any:  # a callback of Event
            return lambda event: loop.call_soon_threadsafe(queue.put_nowait, (index, event))

        jobs = [Job(work, sender(index)) for index, work in enumerate(works)]
        self.engine.submit(*jobs)
        watcher = asyncio.create_task(_watch(request, queue))
        try:
            left = len(jobs)
            while left:
                item = await queue.get()
                if item is None:
                    return
                if isinstance(item[1], Abandoned):
                    raise NotServing(item[1].reason)
                if isinstance(item[1], Failed):
                    raise GenerationFailed(item[1].reason)
                yield item
                left -= isinstance(item[1], Finished | Chosen)
        finally:
            watcher.cancel()
            for job in jobs:
                job.cancelled = True

    async def generate(self, request: Request, works: Sequence[Generation]) -> list[Outcome]:
        """Run generations to their end."""
        outcomes = [Outcome() for _ in works]
        async for index, event in self.run(request, works):
            match event:
                case TokenMade():
                    outcomes[index].tokens.append(event)
                case PromptScored():
                    outcomes[index].prompt_logprobs = event.logprobs
                case Finished():
                    outcomes[index].finish = event
        if not all(outcome.finish for outcome in outcomes):
            raise ClientLeft
        return outcomes

    async def choose(self, request: Request, works: Sequence[Choosing]) -> list[Chosen]:
        """Run choices to their end."""
        found: dict[int, Chosen] = {}
        async for index, event in self.run(request, works):
            if isinstance(event, Chosen):
                found[index] = event
        if len(found) < len(works):
            raise ClientLeft
        return [found[index] for index in range(len(works))]


class ClientLeft(Exception):
    """The client closed the connection; nobody will read an answer."""


def reseeded(work: Generation, offset: int, **changes: Any) -> Generation:
    """The same work with the seed of its n-th sibling. `changes` are fields of Generation."""
    sampling = replace(work.sampling, seed=work.sampling.seed + offset)
    return replace(work, sampling=sampling, **changes)


def service_of(request: Request) -> LmService:
    """The service of the application that a request came to."""
    service: LmService = request.app.state.service
    return service


async def _watch(request: Request, queue: asyncio.Queue[tuple[int, Event] | None]) -> None:
    """Put None in the queue once the client has disconnected."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            queue.put_nowait(None)
            return
