"""Plays the teacher through generated games and keeps its decisions as training chats."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retro_core.config import PRESETS, ExperimentConfig
from retro_core.envs.alfworld.env import AlfworldEnv
from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.generator import generate
from retro_core.prompts.actor import head_messages
from retro_core.prompts.texts import PromptSet, load_prompts
from retro_core.training.imitation.advice import FOLLOWING, AdviceKind, Shares, draw_advice
from retro_core.training.imitation.beliefs import Beliefs, kind
from retro_core.training.imitation.chores import read_chore
from retro_core.training.imitation.player import Habits, Player, learn_habits, stray
from retro_core.types import Message, Step, Task

SLIP_SHARE = 0.08  # of the teacher's steps that are random, so that the actor learns to recover
MOST_STEPS = 20  # without a long search, longer games teach little more and cost much more


@dataclass(frozen=True, slots=True)
class Lesson:
    """One game as a chat. `learned` marks the steps that are the teacher's own decisions."""

    task_id: str
    advice: AdviceKind
    head: tuple[Message, ...]
    steps: tuple[Step, ...]
    learned: tuple[bool, ...]
    success: bool


def lessons(
    count: int, seed: int, shares: Shares = FOLLOWING, most_steps: int = MOST_STEPS
) -> Iterator[Lesson]:
    """Make `count` lessons from the training split; the same seed gives the same lessons."""
    tasks = generate(count=count, split="train", seed=seed)
    habits = habits_of(tasks[:300])
    prompts = load_prompts("alfworld")
    for number, task in enumerate(tasks):
        rng = random.Random(f"{seed} {number}")
        yield _lesson(task, habits, prompts, shares, rng, most_steps)


def habits_of(tasks: Sequence[Task]) -> Habits:
    """Where things usually are, counted over training games."""
    pairs = []
    for task in tasks:
        game = read_game(task.payload["pddl_problem"])
        names = {receptacle.id: receptacle.name for receptacle in game.receptacles}
        for thing, receptacle in sorted(game.facts["inreceptacle"]):
            pairs.append((kind(game.things[thing].name), kind(names[receptacle])))
    return learn_habits(pairs)


def actor_config() -> ExperimentConfig:
    """The configuration whose prompts the actor is tuned on."""
    return PRESETS["embedded"]


def _lesson(
    task: Task,
    habits: Habits,
    prompts: PromptSet,
    shares: Shares,
    rng: random.Random,
    most_steps: int,
) -> Lesson:
    env = AlfworldEnv()
    observation, info = env.reset(task)
    beliefs, chore = Beliefs.from_room(observation), read_chore(task.goal)
    advice = draw_advice(shares, chore, task.payload["walkthrough"], beliefs.receptacles, rng)
    touring = advice.kind in ("tour", "tours")
    player = Player(chore, beliefs, habits, list(advice.plan), touring=touring)
    head = head_messages(task, observation, advice.memory, actor_config(), prompts)
    steps: list[Step] = []
    learned: list[bool] = []
    while len(steps) < most_steps and not info.success:
        slip = rng.uniform(0, 1) < SLIP_SHARE
        choices = info.admissible_actions
        action = stray(choices, rng) if slip else player.act(choices)
        transition = env.step(action)
        player.notice(action, transition.observation)
        info = transition.info
        steps.append(Step("", action, transition.observation))
        learned.append(not slip)
    return Lesson(task.id, advice.kind, head, tuple(steps), tuple(learned), info.success)
