"""The regular expression of a structured reflection, with commands the episode makes sense of."""

import re

from retro_core.config import ExperimentConfig
from retro_core.prompts.actor import without_memory
from retro_core.prompts.texts import PromptSet
from retro_core.types import Episode

_SPECIAL = re.compile(r"[\\\[\](){}.*+?^$|]")
_ESCAPED = r"\\\g<0>"  # re.escape also escapes spaces, which other engines refuse


def reflection_grammar(episode: Episode, config: ExperimentConfig, prompts: PromptSet) -> str:
    """One line on the mistake, then 1 to `plan_lines` numbered commands; empty for free text.

    An environment with a `plan_name` text (what a name looks like) has the plan speak only of
    what the agent has seen: `$place` in its `plan_command` stands for the names in the first
    observation, `$thing` for those that came up later.
    """
    if config.reflection.format == "free":
        return ""
    command = f"({_command(episode, prompts)})"
    plan = ""
    for number in range(config.reflection.plan_lines, 0, -1):
        rest = f"({plan})?" if plan else ""
        plan = f"\\n{number}\\. {command}{rest}"
    return f"{prompts.text('plan_mistake')}\\nPlan:{plan}"


def _command(episode: Episode, prompts: PromptSet) -> str:
    name = prompts.optional("plan_name")
    if not name:
        return prompts.text("plan_command")
    opening = without_memory(episode.head[-1].content, prompts) if episode.head else ""
    places = _names(name, opening)
    seen = _names(name, "\n".join(step.observation for step in episode.steps))
    things = [found for found in seen if found not in places]
    return prompts.fill("plan_command", place=_any_of(places, name), thing=_any_of(things, name))


def _names(name: str, text: str) -> list[str]:
    """The names in a text, each once, in the order they come up."""
    return list(dict.fromkeys(match.group() for match in re.finditer(name, text)))


def _any_of(names: list[str], name: str) -> str:
    """One of these names, or anything that looks like a name where none is known."""
    if not names:
        return f"({name})"
    return f"({'|'.join(_SPECIAL.sub(_ESCAPED, found) for found in names)})"
