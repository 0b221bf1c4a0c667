"""Client of an OpenAI-compatible chat endpoint."""

import time
from collections.abc import Mapping, Sequence
from json import JSONDecodeError
from typing import Any, NoReturn, Protocol

import httpx2
import openai

from retro_core.config import EndpointConfig
from retro_core.errors import ContextFull, EndpointRefused, InvalidInput
from retro_core.llm.reply import FormatRefused, Reply, TemporaryFailure
from retro_core.llm.retry import Sleep, asked_wait, insist, is_temporary
from retro_core.storable import storable
from retro_core.types import Message, Usage

NO_KEY = "none"  # the official client insists on a key; servers without one ignore it
BODY_REFUSED = frozenset({400, 413, 422})
TOO_LONG_WORDS = (
    "context_length",
    "context length",
    "maximum context",
    "context window",
    "too long",
    "too many tokens",
    "context size",
    "must have less than",
    "inputs` tokens",
)
NO_CREDIT = "insufficient_quota"  # of a 429 that no wait helps: the account must be paid for
# Of a refusal that is about what one prompt says, or of an answer that was held back for it.
FILTER = "content_filter"
FILTERED = frozenset({FILTER, "content_policy_violation"})
UNFIT = "{} refuses this prompt for what it says: {}. Choose another model, or leave this task out."
SPENT = (
    "{} used up its tokens before its answer began, as a model does that reasons unseen. Raise"
    " action_tokens or thought_tokens for an actor, max_tokens for a reflector, or choose a model"
    " that reasons less."
)
# Parameters that some models refuse, and what they take instead (empty: leave it out).
REPLACEMENTS = {"max_tokens": "max_completion_tokens", "temperature": "", "seed": "", "stop": ""}


class ChatModel(Protocol):
    """Answers a chat. Safe to share between threads."""

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
        response_format: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Answer a chat.

        Raises EndpointUnavailable, EndpointRefused, ContextFull; FormatRefused where the endpoint
        takes the prompt but perhaps not the response format; InvalidInput where it refuses what
        this one prompt says.
        """


class ChatClient:
    """A ChatModel behind the OpenAI protocol. `extra` are further fields of every request."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        config: EndpointConfig | None = None,
        extra: Mapping[str, Any] | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.base_url, self.model = base_url, model
        self.config = config or EndpointConfig()
        self.extra = dict(extra or {})
        self._sleep = sleep
        self._replaced: dict[str, str] = {}
        seconds = self.config.timeout_seconds
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or NO_KEY,
            timeout=httpx2.Timeout(seconds, connect=self.config.connect_seconds),
            max_retries=0,
        )

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
        response_format: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Answer a chat; see ChatModel."""
        fields: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        if stop:
            fields["stop"] = list(stop)
        if response_format is not None:
            fields["response_format"] = response_format
        turns: Any = [{"role": message.role, "content": message.content} for message in messages]
        return insist(
            lambda: self._attempt(turns, fields),
            name=f"The endpoint {self.base_url}",
            config=self.config,
            seed=seed,
            sleep=self._sleep,
        )

    def _attempt(self, turns: Any, fields: Mapping[str, Any]) -> Reply:
        body = self._accepted(fields)
        started = time.perf_counter()
        try:
            answer = self._client.chat.completions.create(
                model=self.model, messages=turns, extra_body=self.extra, **body
            )
            return Reply(self._content(answer), _usage(answer, time.perf_counter() - started))
        except openai.BadRequestError as error:
            if not self._replaces(error, body):
                self._refuse(error, body)
        except openai.APIStatusError as error:
            self._refuse(error, body)
        except (openai.APIConnectionError, openai.APIResponseValidationError) as error:
            raise TemporaryFailure(str(error)) from error
        except JSONDecodeError as error:
            raise TemporaryFailure(f"the answer is not JSON: {error}") from error
        return self._attempt(turns, fields)

    def _content(self, answer: Any) -> str:
        """The text of an answer; proxies also answer 200 with something else."""
        choices = getattr(answer, "choices", None)
        if not choices or choices[0].message is None:
            raise TemporaryFailure("the answer is no chat completion")
        text = storable(choices[0].message.content or "")
        if not text and choices[0].finish_reason == FILTER:
            raise InvalidInput(UNFIT.format(self.base_url, "its answer was held back"))
        if not text and choices[0].finish_reason == "length":
            # Asking on would fail every task: silence is no action, and greedy silence returns.
            raise EndpointRefused(SPENT.format(f"{self.base_url}: {self.model}"))
        return text

    def _accepted(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        named = ((self._replaced.get(name, name), value) for name, value in fields.items())
        return {name: value for name, value in named if name}

    def _replaces(self, error: openai.BadRequestError, body: Mapping[str, Any]) -> bool:
        """Learn that the model refuses a parameter by name; False if that is not the trouble."""
        name = error.param or ""
        unsupported = (error.code or "").startswith("unsupported")
        if not unsupported or name not in REPLACEMENTS or name not in body:
            return False
        self._replaced[name] = REPLACEMENTS[name]
        return True

    def _refuse(self, error: openai.APIStatusError, body: Mapping[str, Any]) -> NoReturn:
        words = error.message
        if is_temporary(error.status_code) and NO_CREDIT not in (error.code, error.type):
            raise TemporaryFailure(words, asked_wait(error.response.headers)) from error
        if error.code in FILTERED:
            raise InvalidInput(UNFIT.format(self.base_url, words)) from error
        if is_too_long(error.status_code, words):
            raise ContextFull(words) from error
        if error.status_code in BODY_REFUSED and "response_format" in body:
            raise FormatRefused(words) from error
        raise EndpointRefused(f"{self.base_url}: {words}. {advice(error.status_code)}") from error


def is_too_long(status: int, words: str) -> bool:
    """Whether a refusal is of a prompt that does not fit the model's context."""
    return status in BODY_REFUSED and any(word in words.lower() for word in TOO_LONG_WORDS)


def advice(status: int) -> str:
    """What a person can do about a refusal."""
    if status in {401, 403}:
        return "Check the API key."
    if status == 404:
        return "Check the address, and that the model or adapter is served there."
    if status == 429:  # one that may pass is no refusal
        return "Add credit to the account of the API key, or raise its limit."
    if status == 501:
        return "Check the address: the server there does not do what it was asked for."
    return "Check the settings of the experiment."


def _usage(answer: Any, seconds: float) -> Usage:
    if answer.usage is None:
        return Usage(seconds=seconds)
    return Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens, seconds)
