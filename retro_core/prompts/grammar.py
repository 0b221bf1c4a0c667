"""The regular expression of a structured reflection, with commands the episode makes sense of."""

import re
from collections.abc import Mapping, Sequence
from string import Template

from retro_core.config import ExperimentConfig
from retro_core.prompts.actor import without_memory
from retro_core.prompts.texts import PromptSet
from retro_core.types import Episode

_SPECIAL = re.compile(r"[\\\[\](){}.*+?^$|]")
_ESCAPED = r"\\\g<0>"  # re.escape also escapes spaces, which other engines refuse


def reflection_grammar(
    episodes: Sequence[Episode], config: ExperimentConfig, prompts: PromptSet, goal: str = ""
) -> str:
    """One line on the mistake, then 1 to `plan_lines` numbered commands; empty for free text.

    `episodes` are the trials of the task so far. `plan_command` holds one form of command a line.
    With a `plan_name` text (what a name looks like) the plan speaks only of what the agent has
    seen: `$place` stands for the names in the first observation, `$thing` for those that came up
    later; forms without any are left out. Where `plan_goal` (an expression with one group) finds
    kinds of things in the goal, `$thing` stands for those alone: as they were seen, or `mug 1` for
    a mug that was not.
    """
    if config.reflection.format == "free":
        return ""
    command = f"({_command(episodes, prompts, goal)})"
    plan = ""
    for number in range(config.reflection.plan_lines, 0, -1):
        rest = f"({plan})?" if plan else ""
        plan = f"\\n{number}\\. {command}{rest}"
    return f"{prompts.text('plan_mistake')}\\nPlan:{plan}"


def whole_lines(text: str, grammar: str) -> str:
    """A reflection as it is kept: stripped, without a last line that the token limit cut short."""
    text = text.strip()
    if not grammar or re.fullmatch(grammar, text):
        return text
    before = text.rpartition("\n")[0]
    return before if re.fullmatch(grammar, before) else text


def _command(episodes: Sequence[Episode], prompts: PromptSet, goal: str) -> str:
    forms = prompts.optional("plan_command").splitlines()
    name = prompts.optional("plan_name")
    if name:
        places, things = _places_and_things(name, episodes, prompts)
        things = _wanted(things, prompts.optional("plan_goal"), goal)
        known = {"place": _any_of(places), "thing": _any_of(things)}
        forms = [filled for form in forms if (filled := _filled(form, known))]
    return "|".join(forms) or prompts.text("plan_anything")


def _filled(form: str, known: Mapping[str, str]) -> str:
    """One form of command with its places filled; empty where a name is needed and none known."""
    if any(f"${word}" in form and not names for word, names in known.items()):
        return ""
    return Template(form).substitute(known)


def _places_and_things(
    name: str, episodes: Sequence[Episode], prompts: PromptSet
) -> tuple[list[str], list[str]]:
    places = places_in(name, episodes[-1], prompts)
    observations = (step.observation for episode in episodes for step in episode.steps)
    seen = _names(name, "\n".join(observations))
    return places, [found for found in seen if found not in places]


def places_in(name: str, episode: Episode, prompts: PromptSet) -> list[str]:
    """The names in an episode's first observation, each once."""
    opening = without_memory(episode.head[-1].content, prompts) if episode.head else ""
    return _names(name, opening)


def kind_of(name: str) -> str:
    """The kind of `mug 1` is `mug`."""
    return name.rpartition(" ")[0]


def goal_kinds(form: str, goal: str) -> list[str]:
    """The kinds of things that a goal speaks of, by an expression with one group."""
    return list(dict.fromkeys(re.findall(form, goal))) if form else []


def _wanted(things: list[str], form: str, goal: str) -> list[str]:
    """The things that the goal speaks of; all of them where it is not understood."""
    kinds = goal_kinds(form, goal)
    if not kinds:
        return things
    seen = {kind: [t for t in things if kind_of(t) == kind] for kind in kinds}
    return [thing for kind in kinds for thing in seen[kind] or [f"{kind} 1"]]


def _names(name: str, text: str) -> list[str]:
    """The names in a text, each once, in the order they come up."""
    return list(dict.fromkeys(match.group() for match in re.finditer(name, text)))


def _any_of(names: list[str]) -> str:
    """One of these names; empty for none."""
    return f"({'|'.join(_SPECIAL.sub(_ESCAPED, found) for found in names)})" if names else ""
