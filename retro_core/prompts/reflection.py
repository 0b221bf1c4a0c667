"""The reflection prompt x: the failed trial, earlier reflections, and what to answer."""

from collections.abc import Sequence

from retro_core.config import ExperimentConfig
from retro_core.prompts.actor import without_memory
from retro_core.prompts.digest import can_digest, digest_text
from retro_core.prompts.texts import PromptSet
from retro_core.prompts.trajectory import trajectory_text
from retro_core.types import Episode, Task

CHARACTERS_PER_TOKEN = 3  # cautious for English; reflection prompts are bounded, not counted
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

    Steps are told within the configured length. `earlier` are the reflections on earlier trials,
    oldest first; a digest tells what came of them in their place.
    """
    episode = episodes[-1]
    digest = tells_digest(config, prompts)
    before = [prompts.text(f"reflection_{config.reflection.format}"), *_examples(config, prompts)]
    before.append(prompts.fill("reflection_task", goal=task.goal))
    reason = ENDINGS[episode.truncation_reason]
    # Said again where the answer begins: a small model else plans the chore of the worked example.
    after = [prompts.fill("reflection_ending", reason=reason, goal=task.goal)]
    if digest:
        return "\n\n".join([*before, digest_text(task, episodes, prompts), *after])
    if earlier:
        after.insert(0, prompts.fill("reflection_earlier", earlier="\n\n".join(earlier)))
    used = sum(len(part) + 2 for part in [*before, *after])
    room = config.reflection.prompt_tokens * CHARACTERS_PER_TOKEN - used
    return "\n\n".join([*before, _trajectory(episode, room, prompts), *after])


def tells_digest(config: ExperimentConfig, prompts: PromptSet) -> bool:
    """Whether the reflector is told a digest of the trials, not the steps of the last one."""
    return config.reflection.trajectory == "digest" and can_digest(prompts)


def trajectory_memory(episode: Episode, config: ExperimentConfig, prompts: PromptSet) -> str:
    """The last trial's steps as the actor is shown them, in half its context at most.

    The opening is left out: it stands right above in the actor's prompt.
    """
    room = config.episode.context_tokens * CHARACTERS_PER_TOKEN // 2
    return prompts.fill("last_trial", trajectory=trajectory_text("", episode.steps, room, prompts))


def _trajectory(episode: Episode, room: int, prompts: PromptSet) -> str:
    opening = without_memory(episode.head[-1].content, prompts) if episode.head else ""
    return trajectory_text(opening, episode.steps, room, prompts)


def _examples(config: ExperimentConfig, prompts: PromptSet) -> list[str]:
    parts = []
    form = "_digest" if tells_digest(config, prompts) else ""
    for number in range(1, config.reflection.examples + 1):
        name = f"reflection_example_{number}{form}"
        parts += [prompts.text(name), prompts.text(f"{name}_{config.reflection.format}")]
    return parts
