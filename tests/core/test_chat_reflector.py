"""The reflector over the OpenAI protocol."""

import pytest

from retro_core.config import ReflectionConfig
from retro_core.errors import ContextFull, InvalidInput
from retro_core.llm.reply import Reply
from retro_core.reflectors.chat import ChatReflector
from retro_core.types import Usage


class Small:
    """A model that reads little."""

    def complete(self, *_: object, **__: object) -> object:
        raise ContextFull("at most 8192 tokens")


class Warm:
    """Keeps the temperature that it was asked at."""

    def complete(self, *_: object, temperature: float, **__: object) -> Reply:
        self.temperature = temperature
        return Reply("Plan.", Usage())


def test_no_try_is_warmer_than_the_protocol_allows() -> None:
    model = Warm()

    ChatReflector(model, ReflectionConfig()).reflect("What?", seed=1, warmer=5.0)  # type: ignore[arg-type]

    assert model.temperature == 2.0


def test_a_prompt_that_its_model_cannot_read_blames_the_prompt_and_says_what_to_do() -> None:
    reflector = ChatReflector(Small(), ReflectionConfig())  # type: ignore[arg-type]

    with pytest.raises(InvalidInput, match="Choose fewer prompt tokens"):
        reflector.reflect("What went wrong?", seed=1)
