"""HotPotQA and WebShop through the whole loop: prompts, episodes, reflections, memory."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from retro_core.actors.scripted import ScriptedActor, actions_in_order
from retro_core.config import EpisodeConfig, ExperimentConfig, ReflectionConfig
from retro_core.envs.base import env_spec
from retro_core.envs.hotpotqa.env import HotpotQaEnv
from retro_core.envs.hotpotqa.official import official_tasks
from retro_core.prompts.texts import load_prompts
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.rollout import Trial, rollout
from retro_core.trials import EpisodeFinished, ReflectionWritten, run_trials
from retro_core.types import Message, Task

HUNDRED = Path(__file__).resolve().parents[2] / "../shared/data/hotpot100.jsonl"
CONFIG = ExperimentConfig(
    trials=2,
    episode=EpisodeConfig(examples=0, max_steps=6),
    reflection=ReflectionConfig(examples=2),
)


@pytest.mark.skipif(
    not HUNDRED.is_file(), reason="the 100 questions (shared data) are not on this machine"
)
def test_the_hundred_questions_run_end_to_end_with_a_perfect_actor() -> None:
    env, prompts = HotpotQaEnv(), load_prompts("hotpotqa")
    solved = returns = 0.0
    for task in official_tasks(HUNDRED):
        searches = [f"Search[{title}]" for title in task.payload["supporting_titles"]]
        actor = ScriptedActor(actions_in_order([*searches, f"Finish[{task.payload['answer']}]"]))

        episode = rollout(env, actor, task, Trial(1, seed=0), config=CONFIG, prompts=prompts)

        solved += episode.success
        returns += episode.episode_return

    assert (solved, returns) == (100, 100.0)


def shopper(task: Task) -> ScriptedActor:
    """Buys without options, until a note tells it to choose them."""
    goal = task.payload["goal"]
    product = [f"search[{goal['name']}]", f"click[{goal['asin']}]"]
    options = [f"click[{option}]" for option in goal["options"]]

    def rule(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
        noted = "choose the options" in messages[1].content
        plan = [*product, *(options if noted else []), "click[Buy Now]"]
        return plan[sum(message.role == "assistant" for message in messages)]

    return ScriptedActor(rule)


def test_memory_reaches_the_shopper_and_the_reflection_is_rated_by_what_it_gains() -> None:
    spec = env_spec("webshop")
    (task,) = (
        task
        for task in spec.generate(count=40, split="train", seed=2)
        if task.id == "webshop-train-2-7"
    )
    config = replace(CONFIG, episode=replace(CONFIG.episode, max_steps=spec.default_max_steps))

    events = list(
        run_trials(
            spec.create(),
            shopper(task),
            ScriptedReflector(lambda prompt, seed: "Next time choose the options."),
            task,
            config=config,
            prompts=load_prompts(spec.prompt_folder),
            prior=(),
        )
    )

    episodes = [event.episode for event in events if isinstance(event, EpisodeFinished)]
    wishes = len(task.payload["goal"]["attributes"]) + len(task.payload["goal"]["options"]) + 1
    options = len(task.payload["goal"]["options"])
    assert [episode.success for episode in episodes] == [False, True]
    assert episodes[0].episode_return == pytest.approx(1 - options / wishes)
    assert episodes[1].episode_return == 1.0
    assert sum(isinstance(event, ReflectionWritten) for event in events) == 1
