"""One task, several trials: play, reflect on the failure, play again, as a stream of events."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from retro_core.actors.base import Actor
from retro_core.config import NEW_SEED_PER_TRIAL, WRITES_REFLECTIONS, ExperimentConfig
from retro_core.envs.base import Env
from retro_core.errors import InvalidInput
from retro_core.llm.reply import joined
from retro_core.memory import remembered, repeats_any
from retro_core.prompts.grammar import reflection_grammar, whole_lines
from retro_core.prompts.reflection import reflection_prompt, trajectory_memory
from retro_core.prompts.texts import PromptSet
from retro_core.ratings import rating
from retro_core.reflectors.base import Reflector
from retro_core.rollout import Trial, rollout, rollout_steps
from retro_core.seeds import derived_seed
from retro_core.types import Episode, Reflection, Step, Task, Usage


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A recorded trial: its episode, and the reflection written after it, if any."""

    episode: Episode
    reflection: Reflection | None = None


@dataclass(frozen=True, slots=True)
class EpisodeStarted:
    """A trial begins. `memory` is what the actor is shown, as far as it fits."""

    task_id: str
    trial: int
    seed: int
    temperature: float
    memory: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step of the running trial; `index` counts from 0."""

    task_id: str
    trial: int
    index: int
    step: Step


@dataclass(frozen=True, slots=True)
class EpisodeFinished:
    """A trial ended. `rating` is that of the reflection written before it, if there was one."""

    episode: Episode
    rating: float | None


@dataclass(frozen=True, slots=True)
class ReflectionWritten:
    """The reflection on the failed trial `reflection.trial`, for the next one."""

    reflection: Reflection


Event = EpisodeStarted | StepTaken | EpisodeFinished | ReflectionWritten
Recorded = Callable[[Trial], Episode | None]
"""Finds the record of a trial that would only repeat what was played before."""


def run_trials(  # noqa: PLR0913  # what is played, by whom, and from where
    env: Env,
    actor: Actor,
    reflector: Reflector | None,
    task: Task,
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
    prior: Sequence[PastTrial] = (),
    recorded: Recorded | None = None,
) -> Iterator[Event]:
    """Play a task until it is solved or its trials are used up, going on after `prior`.

    The stream can be left at any event and taken up again from the recorded trials; what it would
    have yielded then does not depend on where it was left. `reflector` may be None for methods
    that write no reflections.
    """
    past = list(prior)
    while not _finished(past, config):
        if past and _needs_reflection(past[-1], config):
            if reflector is None:
                raise InvalidInput(f"The method {config.method} needs a reflector.")
            written = write_reflection(reflector, task, past, config=config, prompts=prompts)
            past[-1] = PastTrial(past[-1].episode, written)
            yield ReflectionWritten(written)
        trial = next_trial(task, past, config, prompts)
        yield EpisodeStarted(task.id, trial.number, trial.seed, trial.temperature, trial.memory)
        episode = recorded(trial) if recorded else None
        if episode is None:
            steps = rollout_steps(env, actor, task, trial, config=config, prompts=prompts)
            episode = yield from _step_events(task.id, trial.number, steps)
        yield EpisodeFinished(episode, rating_before(past, episode))
        past.append(PastTrial(episode))


def next_trial(
    task: Task, past: Sequence[PastTrial], config: ExperimentConfig, prompts: PromptSet
) -> Trial:
    """What the next trial is played with: number, seed, temperature and memory."""
    number = len(past) + 1
    return Trial(
        number=number,
        seed=trial_seed(task.id, number, config),
        temperature=trial_temperature(number, config),
        memory=memory_of(past, config, prompts),
    )


def trial_seed(task_id: str, trial: int, config: ExperimentConfig) -> int:
    """The seed of one trial: the same for every method, save that react repeats trial 1's."""
    seeded_trial = trial if config.method in NEW_SEED_PER_TRIAL else 1
    return derived_seed(config.seed, task_id, seeded_trial)


def trial_temperature(trial: int, config: ExperimentConfig) -> float:
    """The actor's temperature; every earlier trial of an unsolved task was a failure."""
    actor = config.actor
    if actor.temperature_schedule == "fixed":
        return actor.temperature
    raised = actor.temperature + actor.temperature_rise * (trial - 1)
    return max(actor.temperature, min(raised, actor.temperature_cap))


def memory_of(
    past: Sequence[PastTrial], config: ExperimentConfig, prompts: PromptSet
) -> tuple[str, ...]:
    """What the actor is shown of earlier trials: the one place that tells the methods apart."""
    if not past or config.method in {"react", "resample"}:
        return ()
    if config.method == "fixed_prompt":
        return (prompts.text("fixed_advice"),)
    if config.method == "last_trial":
        return (trajectory_memory(past[-1].episode, config, prompts),)
    texts = [trial.reflection.text for trial in past if trial.reflection]
    return remembered(texts, config)


def write_reflection(
    reflector: Reflector,
    task: Task,
    past: Sequence[PastTrial],
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> Reflection:
    """Have the reflector answer the reflection prompt of the last recorded trial.

    What repeats an earlier reflection is asked for again with another seed, as often as configured,
    and a little warmer each time; the usage is that of all tries.
    """
    episode = past[-1].episode
    told = [trial.reflection.text for trial in past if trial.reflection]
    earlier = remembered(told, config)
    episodes = [trial.episode for trial in past]
    prompt = reflection_prompt(task, episodes, earlier, config, prompts)
    grammar = reflection_grammar(episodes, config, prompts, task.goal)
    usage = Usage()
    for tries in range(config.reflection.repeat_tries + 1):
        seed = _reflection_seed(task.id, episode.trial, tries, config)
        warmer = tries * config.reflection.repeat_warmer
        completion = reflector.reflect(prompt, seed=seed, grammar=grammar, warmer=warmer)
        text = whole_lines(completion.text, grammar)
        usage = joined(usage, completion.usage)
        if not repeats_any(text, told, config.near_repeat_share):
            break
    return Reflection(
        task_id=task.id,
        trial=episode.trial,
        prompt=prompt,
        text=text,
        adapter=reflector.adapter,
        seed=seed,
        usage=usage,
        candidates=completion.candidates,
    )


def _reflection_seed(task_id: str, trial: int, tries: int, config: ExperimentConfig) -> int:
    """The reflector's seed; it moves with the sample of one failure and with each new try."""
    sample = (config.reflection.sample,) if config.reflection.sample else ()
    again = ("again", tries) if tries else ()
    return derived_seed(config.seed, task_id, trial, "reflection", *sample, *again)


def play_retry(
    env: Env,
    actor: Actor,
    task: Task,
    past: Sequence[PastTrial],
    text: str,
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> tuple[Episode, float]:
    """Play the trial after the last one of `past` with another reflection; return its rating too.

    All else is as it was: seed, temperature and the memory of earlier trials.
    """
    last = past[-1]
    told = replace(last.reflection, text=text) if last.reflection else None
    if told is None:
        raise InvalidInput(f"Trial {last.episode.trial} of {task.id} has no reflection to replace.")
    retold = [*past[:-1], PastTrial(last.episode, told)]
    trial = next_trial(task, retold, config, prompts)
    episode = rollout(env, actor, task, trial, config=config, prompts=prompts)
    return episode, rating(last.episode.episode_return, episode.episode_return)


def rating_before(past: Sequence[PastTrial], episode: Episode) -> float | None:
    """The rating that `episode` gives to the reflection before it, or None without one."""
    if not past or past[-1].reflection is None:
        return None
    return rating(past[-1].episode.episode_return, episode.episode_return)


def _finished(past: Sequence[PastTrial], config: ExperimentConfig) -> bool:
    return len(past) >= config.trials or any(trial.episode.success for trial in past)


def _needs_reflection(last: PastTrial, config: ExperimentConfig) -> bool:
    return config.method in WRITES_REFLECTIONS and last.reflection is None


def _step_events(
    task_id: str, trial: int, steps: Generator[Step, None, Episode]
) -> Generator[StepTaken, None, Episode]:
    index = 0
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            episode: Episode = end.value
            return episode
        yield StepTaken(task_id, trial, index, step)
        index += 1
