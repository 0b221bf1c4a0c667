"""The model server as the registry needs it: load an adapter, and see what it changes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from django.conf import settings

from retro_core.config import EndpointConfig, ReflectionConfig
from retro_core.errors import ContextFull, EndpointRefused, EndpointUnavailable, InvalidInput
from retro_core.llm.tgi import Generation, TgiClient
from retro_core.prompts.grammar import whole_lines
from retro_core.prompts.templates import reflector_text, stop_texts
from webapp.adapters.models import Adapter
from webapp.adapters.services.trying import known_template

ENDPOINT = EndpointConfig(attempts=2, timeout_seconds=90.0)
# No page waits for the probe of a promotion: where something trains beside it it may take long.
PATIENT = EndpointConfig(attempts=2, timeout_seconds=300.0)
LOAD_SECONDS = 30.0
LOOK_SECONDS = 2.0
PROBE = ReflectionConfig(max_tokens=48, temperature=0.0)
NOT_SEEN = (
    "With {adapter} the server writes the same as without it. Either the server does not hold it"
    " (one that reads adapters at its start only must restart first: promoting to staging does"
    " that), or the adapter learned nothing that shows."
)
LOADS_AT_START = frozenset({404, 405})  # text-generation-inference has no such route


@dataclass(frozen=True, slots=True)
class Beside:
    """The same prompt and seed answered by the base model and with the adapter."""

    prompt: str
    base: str
    adapter: str

    @property
    def differs(self) -> bool:
        return self.base != self.adapter


def load(adapter: Adapter) -> bool:
    """Have the server load the adapter's folder; False where it reads adapters at start only.

    Raises InvalidInput with the server's reason.
    """
    body = {"name": adapter.name, "path": adapter.name}
    try:
        answer = httpx2.post(f"{settings.REFLECTOR_URL}/adapters", json=body, timeout=LOAD_SECONDS)
    except httpx2.HTTPError as error:
        raise InvalidInput(_away(str(error))) from error
    if answer.status_code in LOADS_AT_START:
        return False
    if answer.is_error:
        raise InvalidInput(f"The model server refused {adapter}: {answer.text[:300]}")
    try:
        held = answer.json().get("sha256")
    except ValueError as error:  # something else answers at this address
        raise InvalidInput(_away(f"it answered {answer.text[:300]!r}.")) from error
    if held != adapter.weights_sha256:
        raise InvalidInput(f"The model server loaded other weights than those of {adapter}.")
    return True


def is_loaded(adapter: Adapter) -> bool | None:
    """Whether the server holds exactly these weights; None where it does not say."""
    held = held_adapters()
    return None if held is None else held.get(adapter.name) == adapter.weights_sha256


def held_adapters(seconds: float = LOOK_SECONDS) -> dict[str, str] | None:
    """The sha256 of the weights of each adapter by name; None where the server does not say."""
    try:
        answer = httpx2.get(f"{settings.REFLECTOR_URL}/adapters", timeout=seconds)
        held: list[dict[str, Any]] = answer.raise_for_status().json()["adapters"]
        return {one["name"]: one["sha256"] for one in held}
    except (httpx2.HTTPError, ValueError, LookupError):
        return None


def probe(adapter: Adapter, prompts: Iterable[str], endpoint: EndpointConfig = PATIENT) -> Beside:
    """Answer prompts with the likeliest words until base and adapter differ.

    Raises InvalidInput where they never do: the adapter then changes nothing that can be seen, or
    the server took the base model in its place without a word.
    """
    last = Beside("", "", "")
    asked = replace(PROBE, chat_template=known_template(adapter))
    for prompt in prompts:
        last = beside(adapter, prompt, asked, seed=0, endpoint=endpoint)
        if last.differs:
            return last
    raise InvalidInput(NOT_SEEN.format(adapter=adapter))


def try_on(
    adapter: Adapter, prompt: str, asked: ReflectionConfig, *, seed: int, grammar: str = ""
) -> Beside:
    """Answer a stored failure with the settings of an experiment, beside the frozen model.

    `grammar` is a regular expression that both answers keep to; empty for free text.

    Raises InvalidInput, also where the server does not hold the adapter.
    """
    known = load(adapter)
    seen = beside(adapter, prompt, asked, seed=seed, grammar=grammar)
    if not known and not seen.differs:
        # Such a server answers for an adapter that it does not know with the base model's text.
        raise InvalidInput(NOT_SEEN.format(adapter=adapter))
    return seen


def beside(
    adapter: Adapter,
    prompt: str,
    asked: ReflectionConfig,
    *,
    seed: int,
    grammar: str = "",
    endpoint: EndpointConfig = ENDPOINT,
) -> Beside:
    """Ask twice, with nothing different but the adapter. Raises InvalidInput."""
    client = TgiClient(settings.REFLECTOR_URL, config=endpoint)
    text, stop = reflector_text(prompt, asked.chat_template), stop_texts(asked.chat_template)
    texts = []
    for name in ("", adapter.name):
        how = Generation(asked.max_tokens, asked.temperature, asked.top_p, name, stop)
        try:
            reply = client.generate(text, how, seed=seed, grammar=grammar)
            texts.append(whole_lines(reply.text, grammar))
        except (EndpointUnavailable, EndpointRefused, ContextFull) as error:
            # An experiment is resumed; here a second click does it.
            told = str(error).replace("; then resume.", ", then try again.")
            raise InvalidInput(f"{told} Nothing changed.") from error
    return Beside(prompt, *texts)


def _away(words: str) -> str:
    return f"The model server at {settings.REFLECTOR_URL} did not do it: {words}"
