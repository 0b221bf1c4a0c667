"""A trajectory as plain text, with its middle left out where it would be too long."""

from collections.abc import Sequence

from retro_core.prompts.texts import PromptSet
from retro_core.types import Step


def trajectory_text(opening: str, steps: Sequence[Step], room: int, prompts: PromptSet) -> str:
    """Opening observation and steps within about `room` characters.

    The end tells most about a failure and the start about the search, so both are kept, the end
    first; a line says how many steps between them are left out.
    """
    texts = [step_text(step, room // 4) for step in steps]
    longest_gap = prompts.fill("trajectory_gap", count=str(len(texts)))
    room_for_steps = room - len(opening) - len(longest_gap) - 2
    first, last = _kept_ends([len(text) + 1 for text in texts], room_for_steps)
    lines = [*([opening] if opening else []), *texts[:first]]
    if first < last:
        lines.append(prompts.fill("trajectory_gap", count=str(last - first)))
    return "\n".join([*lines, *texts[last:]])


def step_text(step: Step, longest_observation: int) -> str:
    """One step: thought if any, action after `>`, observation, cut where it is very long."""
    thought = f"Thought: {step.thought}\n" if step.thought else ""
    observation = step.observation
    if len(observation) > max(longest_observation, 0):
        observation = f"{observation[: max(longest_observation, 0)]}..."
    return f"{thought}> {step.action}\n{observation}"


def _kept_ends(sizes: Sequence[int], room: int) -> tuple[int, int]:
    """How many to keep at the start, and from which index on at the end: two thirds at the end."""
    first, last, at_start, at_end = 0, len(sizes), 0, 0
    while first < last:
        from_end = at_end <= 2 * at_start
        size = sizes[last - 1] if from_end else sizes[first]
        if at_start + at_end + size > room:
            break
        if from_end:
            last, at_end = last - 1, at_end + size
        else:
            first, at_start = first + 1, at_start + size
    return first, last
