"""The reflector behind a text-generation-inference endpoint."""

from retro_core.config import ReflectionConfig
from retro_core.errors import ContextFull, InvalidInput
from retro_core.llm.tgi import Generation, TgiClient
from retro_core.prompts.templates import reflector_text, stop_texts
from retro_core.reflectors.base import TOO_LONG, Completion


class TgiReflector:
    """Writes reflections with one adapter of the endpoint. Safe to share between threads."""

    def __init__(self, client: TgiClient, config: ReflectionConfig, adapter: str = "") -> None:
        self.client, self.config, self.adapter = client, config, adapter

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Answer a reflection prompt; see Reflector."""
        config = self.config
        how = Generation(
            max_tokens=config.max_tokens,
            temperature=config.temperature + warmer,
            top_p=config.top_p,
            adapter=self.adapter,
            stop=stop_texts(config.chat_template),
        )
        text = reflector_text(prompt, config.chat_template)
        try:
            reply = self.client.generate(text, how, seed=seed, grammar=grammar)
        except ContextFull as error:
            raise InvalidInput(TOO_LONG.format(error)) from error
        return Completion(reply.text.strip(), reply.usage)
