"""A trajectory as plain text, with what was seen before left out where it would be too long."""

from collections.abc import Sequence

from retro_core.prompts.texts import PromptSet
from retro_core.types import Step


def trajectory_text(opening: str, steps: Sequence[Step], room: int, prompts: PromptSet) -> str:
    """Opening observation and steps within about `room` characters.

    The end tells most about the failure, so it has a third of the room. The rest goes to steps
    that showed something new, first ones first: where a thing was seen is worth more than a second
    visit. What room is left holds more of the end. A line says how many steps are left out between.
    """
    texts = [step_text(step, room // 4) for step in steps]
    longest_gap = len(prompts.fill("trajectory_gap", count=str(len(texts)))) + 1
    sizes = [len(text) + 1 for text in texts]
    kept = _kept(sizes, _is_new(steps), room - len(opening) - 1, longest_gap)
    lines = [opening] if opening else []
    left_out = 0
    for number, text in enumerate(texts):
        if number not in kept:
            left_out += 1
            continue
        lines += _gap(left_out, prompts)
        lines.append(text)
        left_out = 0
    return "\n".join([*lines, *_gap(left_out, prompts)])


def tells_every_step(opening: str, steps: Sequence[Step], room: int) -> bool:
    """Whether no step has to be left out of the trajectory's text."""
    sizes = [len(step_text(step, room // 4)) + 1 for step in steps]
    return sum(sizes) <= room - len(opening) - 1


def _gap(count: int, prompts: PromptSet) -> list[str]:
    return [prompts.fill("trajectory_gap", count=str(count))] if count else []


def step_text(step: Step, longest_observation: int) -> str:
    """One step: thought if any, action after `>`, observation, cut where it is very long."""
    thought = f"Thought: {step.thought}\n" if step.thought else ""
    observation = step.observation
    if len(observation) > max(longest_observation, 0):
        observation = f"{observation[: max(longest_observation, 0)]}..."
    return f"{thought}> {step.action}\n{observation}"


def _is_new(steps: Sequence[Step]) -> list[bool]:
    """Whether each step's observation was not seen before."""
    seen: set[str] = set()
    new = []
    for step in steps:
        new.append(step.observation not in seen)
        seen.add(step.observation)
    return new


def _kept(sizes: Sequence[int], new: Sequence[bool], room: int, gap: int) -> set[int]:
    """The steps to show. Every step but the last ones is counted with a gap before it."""
    if sum(sizes) <= room:
        return set(range(len(sizes)))
    first = _end_within(sizes, len(sizes), room // 3)
    kept = set(range(first, len(sizes)))
    room -= sum(sizes[first:]) + gap
    for number in range(first):
        if new[number] and sizes[number] + gap <= room:
            kept.add(number)
            room -= sizes[number] + gap
    return kept | set(range(_end_within(sizes, first, room), first))


def _end_within(sizes: Sequence[int], stop: int, room: int) -> int:
    """The first of the last steps before `stop` that fit the room together."""
    while stop > 0 and sizes[stop - 1] <= room:
        stop -= 1
        room -= sizes[stop]
    return stop
