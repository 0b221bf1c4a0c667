"""The actor's prompt: a chat that only grows, so that a server can keep its prefix."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from retro_core.config import ExperimentConfig
from retro_core.prompts.examples import example_turns, reply_text
from retro_core.prompts.texts import PromptSet
from retro_core.types import Message, Step, Task

DROPPED_OBSERVATION = "[left out]"


def head_messages(
    task: Task,
    first_observation: str,
    memory: Sequence[str],
    config: ExperimentConfig,
    prompts: PromptSet,
) -> tuple[Message, ...]:
    """The messages before the first action: instructions, examples, observation and memory.

    Memory comes last: it is what differs between trials, and the rest is then a common prefix.
    """
    with_thoughts = config.actor.thought_tokens > 0
    system = prompts.text("instructions")
    if with_thoughts:
        system = f"{system}\n{prompts.text('thought_instructions')}"
    examples = (
        turn
        for number in range(1, config.episode.examples + 1)
        for turn in example_turns(prompts.text(f"example_{number}"), with_thoughts=with_thoughts)
    )
    opening = Message("user", _opening(task, first_observation, memory, prompts))
    return (Message("system", system), *examples, opening)


def _opening(task: Task, first_observation: str, memory: Sequence[str], prompts: PromptSet) -> str:
    parts = [first_observation]
    if task.goal.lower() not in first_observation.lower():
        parts.insert(0, prompts.fill("goal", goal=task.goal))
    if memory:
        parts.append(prompts.fill("memory", memory="\n\n".join(memory)))
    return "\n\n".join(parts)


def without_memory(opening: str, prompts: PromptSet) -> str:
    """The opening message of an episode as it was before memory was added below it."""
    header = prompts.text("memory").partition("$memory")[0]
    return opening.partition(f"\n\n{header}")[0]


def step_messages(step: Step) -> tuple[Message, Message]:
    """One step as later prompts show it: the actor's turn and the observation."""
    turn = Message("assistant", reply_text(step.thought, step.action))
    return turn, Message("user", step.observation)


def prompt_messages(
    head: Sequence[Message], steps: Iterable[Step], dropped: int = 0
) -> list[Message]:
    """The whole prompt after `steps`, with the first `dropped` observations left out."""
    messages = list(head)
    for index, step in enumerate(steps):
        turn, observation = step_messages(step)
        messages += [turn, Message("user", DROPPED_OBSERVATION) if index < dropped else observation]
    return messages


def prompt_sha256(messages: Iterable[Message]) -> str:
    """Digest of a prompt as canonical JSON: a list of [role, content] pairs."""
    pairs = [[message.role, message.content] for message in messages]
    text = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def observation_text(observation: str, admissible: Sequence[str], *, show: bool) -> str:
    """An observation, with the admissible actions below it where they are to be shown."""
    if not show or not admissible:
        return observation
    return f"{observation}\nPossible actions: {'; '.join(admissible)}"
