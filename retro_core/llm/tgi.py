"""Client of a text-generation-inference endpoint."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import httpx2
from huggingface_hub import InferenceClient, TextGenerationInputGrammarType
from huggingface_hub.errors import (
    HfHubHTTPError,
    InferenceTimeoutError,
    TextGenerationError,
)

from retro_core.config import EndpointConfig
from retro_core.errors import ContextFull, EndpointRefused
from retro_core.llm.chat import advice, is_too_long
from retro_core.llm.reply import Reply, TemporaryFailure
from retro_core.llm.retry import Sleep, asked_wait, insist, is_temporary
from retro_core.storable import storable
from retro_core.types import Usage

# The protocol's answer leaves prompt tokens out unless their log-probabilities are computed too,
# which costs more than the count is worth: they are estimated.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Generation:
    """How text is sampled. `adapter` is empty for the base model, `stop` ends the text."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    adapter: str = ""
    stop: tuple[str, ...] = ()


class TgiClient:
    """Generates text, with one of the endpoint's adapters. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        config: EndpointConfig | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.url = url
        self.config = config or EndpointConfig()
        self._sleep = sleep
        # An explicit header: the library would send a model hub token of the user's otherwise.
        headers = {"authorization": f"Bearer {api_key}" if api_key else "none"}
        timeout = httpx2.Timeout(self.config.timeout_seconds, connect=self.config.connect_seconds)
        # The library hands the timeout on as it is, though it declares plain seconds alone.
        self._client = InferenceClient(base_url=url, timeout=timeout, headers=headers)  # type: ignore[arg-type]

    def generate(self, text: str, how: Generation, *, seed: int, grammar: str = "") -> Reply:
        """Continue a text. `grammar` is a regular expression.

        Raises EndpointUnavailable, EndpointRefused, ContextFull.
        """
        fields = _fields(how, seed, grammar)
        reply = insist(
            lambda: self._attempt(text, fields),
            name=f"The reflector's endpoint {self.url}",
            config=self.config,
            seed=seed,
            sleep=self._sleep,
        )
        return replace(reply, text=_without_stop(reply.text, how.stop))

    def _attempt(self, text: str, fields: Mapping[str, Any]) -> Reply:
        started = time.perf_counter()
        try:
            output = self._client.text_generation(
                text, details=True, stream=False, return_full_text=False, **fields
            )
        except (TextGenerationError, HfHubHTTPError) as error:
            self._refuse(error)
        except InferenceTimeoutError as error:
            raise TemporaryFailure("no answer in time") from error
        except httpx2.TransportError as error:
            raise TemporaryFailure(f"no connection: {error}") from error
        except (ValueError, LookupError, TypeError) as error:  # what the library's parsing raises
            raise TemporaryFailure(f"the answer is no generated text: {error!r}") from error
        if not isinstance(output.generated_text, str):
            raise TemporaryFailure("the answer holds no generated text")
        made = output.details.generated_tokens if output.details else 0
        seconds = time.perf_counter() - started
        usage = Usage(len(text) // CHARACTERS_PER_TOKEN, made, seconds)
        return Reply(storable(output.generated_text), usage)

    def _refuse(self, error: TextGenerationError | HfHubHTTPError) -> NoReturn:
        """The protocol's own errors carry the HTTP error as their cause."""
        http = error if isinstance(error, HfHubHTTPError) else error.__cause__
        assert isinstance(http, HfHubHTTPError)
        status = http.response.status_code
        words = _first_line(str(error)) if isinstance(error, HfHubHTTPError) else str(error)
        if is_temporary(status):
            raise TemporaryFailure(words, asked_wait(http.response.headers)) from error
        if is_too_long(status, words):
            raise ContextFull(words) from error
        raise EndpointRefused(f"{self.url}: {words} {advice(status)}") from error


def _fields(how: Generation, seed: int, grammar: str) -> dict[str, Any]:
    sampled = how.temperature > 0
    rule = TextGenerationInputGrammarType(type="regex", value=grammar) if grammar else None
    return {
        "adapter_id": how.adapter or None,
        "do_sample": sampled,
        "temperature": how.temperature if sampled else None,
        "top_p": how.top_p if sampled and how.top_p < 1 else None,
        "seed": seed,
        "max_new_tokens": how.max_tokens,
        "grammar": rule,
        "stop": list(how.stop),
    }


def _first_line(words: str) -> str:
    """The library adds a line with a link to the meaning of the status."""
    return words.strip().partition("\n")[0]


def _without_stop(text: str, stop: Sequence[str]) -> str:
    """Some servers of the protocol leave the stop text at the end."""
    for ending in stop:
        text = text.removesuffix(ending)
    return text
