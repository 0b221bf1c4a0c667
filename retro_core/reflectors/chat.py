"""The reflector behind an OpenAI-compatible endpoint, where an adapter is a model by name."""

from retro_core.config import ReflectionConfig
from retro_core.errors import ContextFull, InvalidInput
from retro_core.llm.chat import ChatModel
from retro_core.parsing import without_reasoning
from retro_core.prompts.templates import reflector_messages
from retro_core.reflectors.base import TOO_LONG, Completion

HOTTEST = 2.0  # what the protocol allows


class ChatReflector:
    """Writes reflections through a chat model. Safe to share between threads.

    This protocol has no common form of grammar: a structured reflection is asked for in words.
    """

    def __init__(self, model: ChatModel, config: ReflectionConfig, adapter: str = "") -> None:
        self.model, self.config, self.adapter = model, config, adapter

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Answer a reflection prompt; see Reflector."""
        try:
            reply = self.model.complete(
                reflector_messages(prompt),
                max_tokens=self.config.max_tokens,
                temperature=min(self.config.temperature + warmer, HOTTEST),
                seed=seed,
            )
        except ContextFull as error:
            raise InvalidInput(TOO_LONG.format(error)) from error
        return Completion(without_reasoning(reply.text), reply.usage)
