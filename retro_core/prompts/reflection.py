"""The reflection prompt x: the failed trial, earlier reflections, and what to answer."""

from collections.abc import Sequence

from retro_core.config import ExperimentConfig
from retro_core.errors import NoRoomForSteps
from retro_core.prompts.actor import without_memory
from retro_core.prompts.digest import can_digest, digest_text
from retro_core.prompts.texts import PromptSet
from retro_core.prompts.trajectory import tells_every_step, trajectory_text
from retro_core.types import Episode, Task

CHARACTERS_PER_TOKEN = 3  # cautious for English; reflection prompts are bounded, not counted
BETWEEN = "\n\n"
CUT = "..."
ENDINGS = {
    "step_cap": "the steps ran out",
    "repeated_action": "stopped for repeating one action",
    "context_full": "stopped because the record grew too long",
    "given_up": "given up before the end",
    "unknown": "stopped before the end",
    "": "it ended without success",
}


def reflection_prompt(
    task: Task,
    episodes: Sequence[Episode],
    earlier: Sequence[str],
    config: ExperimentConfig,
    prompts: PromptSet,
) -> str:
    """Fill the reflection prompt of the last of some failed episodes of one task.

    Steps and the reflections on `earlier` trials, oldest first, are told within the configured
    length; a digest tells what came of those reflections in their place. Raises NoRoomForSteps
    where the parts that are never cut fill that length.
    """
    episode = episodes[-1]
    before = [prompts.text(f"reflection_{config.reflection.format}"), *_examples(config, prompts)]
    before.append(prompts.fill("reflection_task", goal=task.goal))
    reason = ENDINGS[episode.truncation_reason]
    # Said again where the answer begins: a small model else plans the chore of the worked example.
    after = [prompts.fill("reflection_ending", reason=reason, goal=task.goal)]
    if tells_digest(config, prompts):
        return BETWEEN.join([*before, digest_text(task, episodes, prompts), *after])
    room = config.reflection.prompt_tokens * CHARACTERS_PER_TOKEN - _size([*before, *after])
    return BETWEEN.join([*before, *_told(episode, earlier, room, config, prompts), *after])


def tells_digest(config: ExperimentConfig, prompts: PromptSet) -> bool:
    """Whether the reflector is told a digest of the trials, not the steps of the last one."""
    return config.reflection.trajectory == "digest" and can_digest(prompts)


def trajectory_memory(episode: Episode, config: ExperimentConfig, prompts: PromptSet) -> str:
    """The last trial's steps as the actor is shown them, in half its context at most.

    The opening is left out: it stands right above in the actor's prompt.
    """
    room = config.episode.context_tokens * CHARACTERS_PER_TOKEN // 2
    return prompts.fill("last_trial", trajectory=trajectory_text("", episode.steps, room, prompts))


def _told(
    episode: Episode,
    earlier: Sequence[str],
    room: int,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> list[str]:
    """The trajectory and the earlier reflections, within the characters left for both."""
    opening = without_memory(episode.head[-1].content, prompts) if episode.head else ""
    said = _said(earlier, prompts)
    if not tells_every_step(opening, episode.steps, room - _size(said)):
        # Earlier reflections must not crowd out the failure that the next one is about.
        said = _said_within(earlier, (room - len(opening)) // 3, prompts)
    trajectory = trajectory_text(opening, episode.steps, room - _size(said), prompts)
    if len(trajectory) + _size(said) > room:
        raise NoRoomForSteps(
            f"{config.reflection.prompt_tokens} prompt tokens leave the reflection prompt no room"
            " for steps: raise the reflection's prompt_tokens, or lower its examples"
            f" ({config.reflection.examples})."
        )
    return [trajectory, *said]


def _said(earlier: Sequence[str], prompts: PromptSet) -> list[str]:
    """The part of the prompt with earlier reflections; none where there are none."""
    if not earlier:
        return []
    return [prompts.fill("reflection_earlier", earlier=BETWEEN.join(earlier))]


def _said_within(earlier: Sequence[str], room: int, prompts: PromptSet) -> list[str]:
    """The same within some characters: the newest that fit, and the start of the one before."""
    room -= len(prompts.fill("reflection_earlier", earlier=""))
    kept: list[str] = []
    for text in reversed(earlier):
        if _size([text]) > room:
            start = text[: max(room - _size([CUT]), 0)]
            kept += [f"{start}{CUT}"] if start else []
            break
        kept.append(text)
        room -= _size([text])
    return _said(kept[::-1], prompts)


def _size(parts: Sequence[str]) -> int:
    """Characters of some parts of the prompt, each with what stands between it and the next."""
    return sum(len(part) + len(BETWEEN) for part in parts)


def _examples(config: ExperimentConfig, prompts: PromptSet) -> list[str]:
    parts = []
    form = "_digest" if tells_digest(config, prompts) else ""
    for number in range(1, config.reflection.examples + 1):
        name = f"reflection_example_{number}{form}"
        parts += [prompts.text(name), prompts.text(f"{name}_{config.reflection.format}")]
    return parts
