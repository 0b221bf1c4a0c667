"""An episode that a person plays: where it stands after the decisions recorded so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from retro_core.actors.base import Decision
from retro_core.actors.person import DecisionAwaited, PersonActor
from retro_core.config import ExperimentConfig
from retro_core.envs.base import Env
from retro_core.prompts.texts import PromptSet
from retro_core.rollout import Trial, rollout_steps
from retro_core.types import Episode, Message, Step, Task


@dataclass(frozen=True, slots=True)
class Standing:
    """The steps taken, and either what the person is asked now or the ended episode.

    `prompt` is what an agent would be sent for the next decision, to the letter.
    """

    head: tuple[Message, ...]
    steps: tuple[Step, ...]
    prompt: tuple[Message, ...] = ()
    admissible: tuple[str, ...] = ()
    episode: Episode | None = None


def standing(
    env: Env,
    decisions: Sequence[Decision],
    task: Task,
    trial: Trial,
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> Standing:
    """Play the recorded decisions from reset on. Raises InvalidInput if the task is no good.

    The same decisions give the same standing, so that nothing but them needs to be kept.
    """
    actor = PersonActor(decisions)
    playing = rollout_steps(env, actor, task, trial, config=config, prompts=prompts)
    steps: list[Step] = []
    while True:
        try:
            steps.append(next(playing))
        except DecisionAwaited as asked:
            return Standing(actor.head, tuple(steps), asked.prompt, asked.admissible)
        except StopIteration as end:
            return Standing(actor.head, tuple(steps), episode=end.value)


def given_up(standing: Standing, task: Task, trial: Trial) -> Episode:
    """The episode of a person who stops before its end."""
    return Episode(
        task_id=task.id,
        trial=trial.number,
        seed=trial.seed,
        head=standing.head,
        steps=standing.steps,
        success=False,
        terminated=False,
        truncated=True,
        truncation_reason="given_up",
    )
