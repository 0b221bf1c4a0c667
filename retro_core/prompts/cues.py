"""What can be checked of a reflection by rule: numbers read off its prompt and its text."""

import re
from collections.abc import Mapping

from retro_core.prompts.digest import NONE, told_in_digest
from retro_core.prompts.grammar import goal_kinds, kind_of
from retro_core.prompts.texts import PromptSet

CUES = ("found", "taken", "searched", "covered", "repeated")
"""The names of what `cues_of` counts, in its order."""

_WORD = re.compile(r"[a-z]{3,}")
_NUMBERED = re.compile(r"^\d+\. +(.+)$", re.MULTILINE)


def cues_of(prompt: str, text: str, prompts: PromptSet) -> tuple[float, ...]:
    """Five numbers, the first three from the digest and 0 where the prompt has none.

    - found: share of the kinds of things in the goal that a trial has seen.
    - taken: 1 where a line of the plan names a thing with the place that it was seen at.
    - searched: how many places of the plan nobody has looked into; 0 where all was found, since
      there a search only costs steps.
    - covered: share of the goal's words of three letters or more that stand in the plan.
    - repeated: share of the plan's lines that stand in it before.
    """
    told, goal = told_in_digest(prompt, prompts), _goal(prompt, prompts)
    seen, plan = _seen(told.get("found", "")), plan_lines(text)
    found = _found(seen, goal_kinds(prompts.optional("plan_goal"), goal))
    new = _names(told.get("unseen", ""), prompts) & _names("\n".join(plan), prompts)
    return (
        found,
        float(_taken(seen, plan, prompts)),
        float(len(new)) if found < 1.0 else 0.0,
        _covered(goal, plan),
        1 - len(set(plan)) / len(plan) if plan else 0.0,
    )


def plan_lines(text: str) -> list[str]:
    """The numbered commands of a reflection; all its lines where none is numbered."""
    return _NUMBERED.findall(text) or [line for line in text.splitlines() if line.strip()]


def _goal(prompt: str, prompts: PromptSet) -> str:
    """The last line of the prompt that tells the task; others belong to worked examples."""
    before, _, _ = prompts.text("reflection_task").partition("$goal")
    _, told, rest = prompt.rpartition(before)
    return rest.partition("\n")[0] if told else ""


def _seen(found: str) -> Mapping[str, str]:
    """Where each thing was seen, of `mug 1 at desk 2; mug 3 at shelf 1`."""
    pairs = [entry.partition(" at ") for entry in found.split("; ") if found != NONE]
    return {thing: place for thing, _, place in pairs if place}


def _found(seen: Mapping[str, str], kinds: list[str]) -> float:
    if not kinds:
        return float(bool(seen))
    return len(set(kinds) & {kind_of(thing) for thing in seen}) / len(kinds)


def _taken(seen: Mapping[str, str], plan: list[str], prompts: PromptSet) -> bool:
    named = [_names(line, prompts) for line in plan]
    return any({thing, place} <= names for names in named for thing, place in seen.items())


def _names(text: str, prompts: PromptSet) -> set[str]:
    form = prompts.optional("plan_name")
    return set(re.findall(form, text)) if form else set()


def _covered(goal: str, plan: list[str]) -> float:
    asked, said = set(_WORD.findall(goal)), set(_WORD.findall("\n".join(plan)))
    return len(asked & said) / len(asked) if asked else 0.0
