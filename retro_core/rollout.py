"""One episode: the actor plays a task from reset until it ends or is truncated."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from retro_core.actors.base import Actor, Decision
from retro_core.config import EpisodeConfig, ExperimentConfig
from retro_core.envs.base import Env, EnvInfo, Transition
from retro_core.errors import ContextFull, InvalidInput
from retro_core.prompts.actor import (
    head_messages,
    observation_text,
    prompt_messages,
    prompt_sha256,
)
from retro_core.prompts.fitting import PromptFit, character_count
from retro_core.prompts.texts import PromptSet
from retro_core.seeds import derived_seed
from retro_core.types import Episode, Message, Step, Task, TruncationReason


@dataclass(frozen=True, slots=True)
class Trial:
    """What sets one episode apart from another of the same task.

    `memory` is what to show of earlier trials, oldest first; see `rollout_steps`.
    """

    number: int
    seed: int
    temperature: float = 0.0
    memory: tuple[str, ...] = ()


def rollout(
    env: Env,
    actor: Actor,
    task: Task,
    trial: Trial,
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> Episode:
    """Play one episode to its end."""
    steps = rollout_steps(env, actor, task, trial, config=config, prompts=prompts)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            episode: Episode = end.value
            return episode


def rollout_steps(
    env: Env,
    actor: Actor,
    task: Task,
    trial: Trial,
    *,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> Generator[Step, None, Episode]:
    """Play one episode, yielding each step as it happens; the generator returns the episode.

    Where the opening prompt is too long, the oldest memory gives way; the episode's head holds what
    was shown. The newest stays: the trial rates it, and would else be a trial of another method.
    Raises InvalidInput where the opening prompt never fits.
    """
    seen, info = env.reset(task)
    shown = observation_text(seen, info.admissible_actions, show=config.episode.show_admissible)
    heads = (
        head_messages(task, shown, trial.memory[first:], config, prompts)
        for first in range(max(len(trial.memory), 1))
    )
    game = _Game(env, info, config.episode)
    fit = PromptFit(config.episode.context_tokens, config.episode.context_keep_share)
    decision, sent = _first_decision(actor, game, fit, trial, heads)
    yield game.take(decision, prompt_sha256(sent), fit.dropped)
    while not game.over:
        try:
            decision, sent = _decide(actor, game, fit, trial)
        except ContextFull:
            game.reason = "context_full"
            break
        yield game.take(decision, prompt_sha256(sent), fit.dropped)
    return game.episode(task, trial)


def _first_decision(
    actor: Actor,
    game: "_Game",
    fit: PromptFit,
    trial: Trial,
    heads: Iterable[tuple[Message, ...]],
) -> tuple[Decision, list[Message]]:
    """Ask the actor under the first head that fits, which is then the episode's."""
    refusal = ""
    for head in heads:
        game.head = head
        try:
            return _decide(actor, game, fit, trial)
        except ContextFull as error:
            refusal = str(error)
    raise InvalidInput(
        f"The opening prompt does not fit. {refusal} Raise the context tokens, of the experiment or"
        " of the model, or take fewer examples."
    )


def _decide(
    actor: Actor, game: "_Game", fit: PromptFit, trial: Trial
) -> tuple[Decision, list[Message]]:
    """Ask the actor; a prompt that the model refuses as too long loses its oldest half."""
    seed = derived_seed(trial.seed, len(game.steps))
    fit.make_room(game.head, game.steps)
    while True:
        sent = prompt_messages(game.head, game.steps, fit.dropped)
        try:
            decision = actor.decide(
                sent,
                admissible=game.info.admissible_actions,
                seed=seed,
                temperature=trial.temperature,
            )
        except ContextFull:
            fit.drop_half(len(game.steps))
            continue
        fit.learn(_characters_sent(sent, decision), decision.usage.prompt_tokens)
        return decision, sent


def _characters_sent(sent: list[Message], decision: Decision) -> int:
    """Characters of all prompts of one decision; follow-ups send the prompt again."""
    ends = range(0, len(decision.follow_ups) + 1, 2)
    return sum(character_count([*sent, *decision.follow_ups[:end]]) for end in ends)


class _Game:
    """The state of one episode while it is played."""

    def __init__(self, env: Env, info: EnvInfo, config: EpisodeConfig) -> None:
        self.env, self.info, self.config = env, info, config
        self.head: tuple[Message, ...] = ()
        self.steps: list[Step] = []
        self.terminated = False
        self.reason: TruncationReason = ""
        self._paid = 0.0

    @property
    def over(self) -> bool:
        return self.terminated or bool(self.reason)

    def take(self, decision: Decision, digest: str, dropped: int) -> Step:
        """Play the decided action and record it."""
        transition = self.env.step(decision.action)
        self.info = transition.info
        step = Step(
            thought=decision.thought,
            action=decision.action,
            observation=observation_text(
                transition.observation,
                self.info.admissible_actions,
                show=self.config.show_admissible,
            ),
            reward=self._reward(transition),
            invalid=self.info.invalid_action,
            reply=decision.reply,
            prompt_sha256=digest,
            dropped_observations=dropped,
            usage=decision.usage,
            follow_ups=decision.follow_ups,
            repaired=decision.repaired,
        )
        self.steps.append(step)
        self.terminated = transition.terminated
        if not self.terminated:
            self.reason = self._truncation(transition)
        return step

    def _reward(self, transition: Transition) -> float:
        """The step's share of the configured return, so that rewards sum to it."""
        if self.config.returns == "environment":
            return transition.reward
        success, score = transition.info.success, transition.info.score
        due = float(success) if self.config.returns == "success" else score
        gain, self._paid = due - self._paid, due
        return gain

    def _truncation(self, transition: Transition) -> TruncationReason:
        if transition.truncated or len(self.steps) >= self.config.max_steps:
            return "step_cap"
        last = self.steps[-self.config.max_repeats :]
        if len(last) == self.config.max_repeats and len(_answers(last)) == 1:
            return "repeated_action"
        return ""

    def episode(self, task: Task, trial: Trial) -> Episode:
        return Episode(
            task_id=task.id,
            trial=trial.number,
            seed=trial.seed,
            head=self.head,
            steps=tuple(self.steps),
            success=self.info.success,
            terminated=self.terminated,
            truncated=bool(self.reason),
            truncation_reason=self.reason,
            final_answer=self.info.final_answer,
        )


def _answers(steps: Iterable[Step]) -> set[tuple[str, str]]:
    return {(step.action, step.observation) for step in steps}


def rebuild_prompt(episode: Episode, index: int) -> list[Message]:
    """The exact prompt sent before step `index`. Raises InvalidInput if the digest differs."""
    step = episode.steps[index]
    messages = prompt_messages(episode.head, episode.steps[:index], step.dropped_observations)
    if step.prompt_sha256 and prompt_sha256(messages) != step.prompt_sha256:
        raise InvalidInput(
            f"Step {index + 1} of {episode.task_id}, trial {episode.trial}: the prompt rebuilt from"
            " the record is not the one that was sent."
        )
    return messages


def rebuild_calls(episode: Episode, index: int) -> list[list[Message]]:
    """Every prompt sent for step `index`: the first, and one for each follow-up of it."""
    prompt = rebuild_prompt(episode, index)
    follow_ups: Sequence[Message] = episode.steps[index].follow_ups
    ends = range(0, len(follow_ups) + 1, 2)
    return [[*prompt, *follow_ups[:end]] for end in ends]
