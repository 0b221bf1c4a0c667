"""The actor behind a chat endpoint: constrained choice where it can, repair where it cannot."""

from collections.abc import Sequence

from retro_core.actors.base import Decision
from retro_core.config import ActorConfig, ChoiceStyle
from retro_core.llm.chat import ChatModel
from retro_core.llm.choices import choice_format, chosen_text
from retro_core.llm.reply import FormatRefused, Reply, joined
from retro_core.parsing import match_action, parse_reply, parse_thought
from retro_core.prompts.texts import PromptSet
from retro_core.types import Message

STYLES: tuple[ChoiceStyle, ...] = ("enum", "object", "none")


class ChatActor:
    """Acts through a chat model. Safe to share between threads.

    A choice style that the endpoint refuses is replaced by the next one: for good where it has
    taken none so far. Afterwards a refusal is of that one choice, and no later one depends on it.
    """

    def __init__(self, model: ChatModel, config: ActorConfig, prompts: PromptSet) -> None:
        self.model, self.config, self.prompts = model, config, prompts
        self.style: ChoiceStyle = config.choice_style
        self._has_chosen = False

    def decide(
        self,
        messages: Sequence[Message],
        *,
        admissible: Sequence[str],
        seed: int,
        temperature: float = 0.0,
    ) -> Decision:
        """Answer the prompt with the next action; see Actor."""
        turn = _Turn(self, list(messages), admissible, seed, temperature)
        return turn.constrained() if admissible and self.style != "none" else turn.free()

    def learn(self, style: ChoiceStyle) -> None:
        """Take over the style of a choice that the endpoint answered."""
        if not self._has_chosen:
            self.style = style
        self._has_chosen |= style != "none"


class _Turn:
    """One decision: its calls, and the turns they added to the prompt."""

    def __init__(
        self,
        actor: ChatActor,
        messages: list[Message],
        admissible: Sequence[str],
        seed: int,
        temperature: float,
    ) -> None:
        self.actor, self.messages, self.admissible = actor, messages, admissible
        self.seed, self.temperature = seed, temperature
        self.follow_ups: list[Message] = []
        self.reply = Reply("")

    def constrained(self) -> Decision:
        """A thought in one call if thoughts are on, then a choice among the admissible actions."""
        thought = ""
        tokens = self.actor.config.thought_tokens
        if tokens:
            thought = parse_thought(self._call(tokens, stop=["\n"]).text)
            self._follow_up(f"Thought: {thought}", self.actor.prompts.text("action_request"))
        words = chosen_text(self._choose().text)
        return self._decided(thought, words)

    def free(self) -> Decision:
        """Thought and action in one call, read tolerantly."""
        config = self.actor.config
        tokens = config.thought_tokens + config.action_tokens
        parsed = parse_reply(self._call(tokens, stop=["\nObservation"]).text)
        return self._decided(parsed.thought, parsed.action)

    def _decided(self, thought: str, words: str) -> Decision:
        action = self._usable(words)
        if action is not None:
            return self._decision(thought, action, repaired=False)
        request = self._repair_request()
        self._follow_up(self.reply.text or "-", request)
        parsed = parse_reply(self._call(self.actor.config.action_tokens, stop=["\n"]).text)
        again = chosen_text(parsed.action)
        action = self._usable(again)
        return self._decision(thought, again if action is None else action, repaired=True)

    def _usable(self, words: str) -> str | None:
        """The action that was meant; None calls for a repair."""
        if self.admissible:
            parsed = parse_reply(words)
            return match_action(parsed.action, self.admissible)
        return words or None

    def _repair_request(self) -> str:
        prompts = self.actor.prompts
        if not self.admissible:
            return prompts.text("repair_form")
        return prompts.fill("repair_choice", actions="\n".join(self.admissible))

    def _decision(self, thought: str, action: str, *, repaired: bool) -> Decision:
        follow_ups = tuple(self.follow_ups)
        return Decision(
            thought, action, self.reply.text, self.reply.usage, follow_ups, repaired=repaired
        )

    def _choose(self) -> Reply:
        """Ask for one of the admissible actions, in the first style that the endpoint takes."""
        refusal = FormatRefused("")
        for style in STYLES[STYLES.index(self.actor.style) :]:
            try:
                reply = self._call(self.actor.config.action_tokens, style=style)
            except FormatRefused as error:
                refusal = error
                continue
            self.actor.learn(style)
            return reply
        raise refusal

    def _call(
        self, max_tokens: int, *, stop: Sequence[str] = (), style: ChoiceStyle = "none"
    ) -> Reply:
        reply = self.actor.model.complete(
            [*self.messages, *self.follow_ups],
            max_tokens=max_tokens,
            temperature=self.temperature,
            seed=self.seed,
            stop=stop,
            response_format=choice_format(self.admissible, style),
        )
        self.reply = Reply(reply.text, joined(self.reply.usage, reply.usage))
        return reply

    def _follow_up(self, answer: str, request: str) -> None:
        self.follow_ups += [Message("assistant", answer), Message("user", request)]
