"""The reflector over the OpenAI protocol."""

import pytest

from retro_core.config import ReflectionConfig
from retro_core.errors import ContextFull, EndpointRefused
from retro_core.reflectors.chat import ChatReflector


class Small:
    """A model that reads little."""

    def complete(self, *_: object, **__: object) -> object:
        raise ContextFull("at most 8192 tokens")


def test_a_prompt_that_its_model_cannot_read_is_a_refusal_that_says_what_to_do() -> None:
    reflector = ChatReflector(Small(), ReflectionConfig())  # type: ignore[arg-type]

    with pytest.raises(EndpointRefused, match="Choose fewer prompt tokens"):
        reflector.reflect("What went wrong?", seed=1)
