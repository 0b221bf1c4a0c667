"""Our worlds as gymnasium environments, and a gymnasium environment as one of ours."""

import pytest

from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from retro_core.types import Task
from tests.toy_world import DoorsEnv, doors_task

gymnasium = pytest.importorskip("gymnasium", reason="the gymnasium extra is not installed")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from retro_core.envs.gym_adapter import FromGymnasium, GymnasiumEnv, gymnasium_spec  # noqa: E402

DIRECTIONS = ("left", "down", "right", "up")
TO_THE_GOAL = ["down", "down", "right", "right", "down", "right"]  # around the holes of the 4x4 map


def lake() -> FromGymnasium:
    return FromGymnasium(
        "lake",
        lambda: gymnasium.make("FrozenLake-v1", is_slippery=False),
        DIRECTIONS,
        describe=lambda place: f"You stand on square {place}.",
    )


def lake_task() -> Task:
    return Task("lake-1", "lake", "Cross the lake.", payload={"seed": 1})


@pytest.mark.parametrize("world", ["hotpotqa", "webshop", "alfworld"])
@pytest.mark.filterwarnings("ignore")
def test_our_worlds_pass_the_checks_of_gymnasium(world: str) -> None:
    spec = env_spec(world)
    tasks = spec.generate(count=2, split=spec.splits[0], seed=0)

    check_env(GymnasiumEnv(spec.create(), tasks), skip_render_check=True)


def test_a_task_is_drawn_by_the_seed_or_given() -> None:
    tasks = [doors_task(task_id=f"doors-{number}") for number in range(20)]
    env = GymnasiumEnv(DoorsEnv(), tasks)

    drawn = [env.reset(seed=5)[1]["task_id"] for _ in range(3)]
    _, info = env.reset(options={"task": tasks[7]})

    assert len(set(drawn)) == 1
    assert info["task_id"] == "doors-7"


def test_a_step_gives_five_values_with_our_info() -> None:
    env = GymnasiumEnv(DoorsEnv(), [doors_task()])
    env.reset()
    env.step("open green")

    observation, reward, terminated, truncated, info = env.step("leave")

    assert (observation, reward, terminated, truncated) == ("You are out.", 1.0, True, False)
    assert info["success"] is True
    assert info["score"] == 1.0


def test_a_gymnasium_world_is_played_by_words() -> None:
    env = lake()
    observation, info = env.reset(lake_task())

    played = [env.step(action) for action in TO_THE_GOAL]

    assert observation == "You stand on square 0."
    assert info.admissible_actions == DIRECTIONS
    assert played[0].observation == "You stand on square 4."
    assert played[-1].terminated
    assert played[-1].info.success
    assert sum(step.reward for step in played) == 1.0


def test_falling_into_a_hole_ends_without_success() -> None:
    env = lake()
    env.reset(lake_task())
    env.step("down")

    fallen = env.step("right")

    assert fallen.terminated
    assert not fallen.info.success
    assert env.step("up").observation == "The episode is over."


def test_an_unknown_word_is_answered_by_the_known_ones() -> None:
    env = lake()
    env.reset(lake_task())

    answer = env.step("swim")

    assert answer.observation == "Unknown action. Known: left, down, right, up."
    assert answer.info.invalid_action
    assert env.step("down").observation == "You stand on square 4."


def test_a_task_of_another_world_is_refused() -> None:
    with pytest.raises(InvalidInput):
        lake().reset(doors_task())


def test_the_spec_of_a_gymnasium_world_makes_tasks_by_seed() -> None:
    spec = gymnasium_spec(
        "lake",
        lambda: gymnasium.make("FrozenLake-v1", is_slippery=False),
        "Cross the lake.",
        prompt_folder="common",
        max_steps=20,
        action_names=DIRECTIONS,
    )
    seeds = {
        split: {task.payload["seed"] for task in spec.generate(count=50, split=split, seed=1)}
        for split in spec.splits
    }

    assert [len(found) for found in seeds.values()] == [50, 50, 50]
    assert len(set.union(*seeds.values())) == 150
    assert spec.create().reset(spec.generate(count=1, split="train", seed=0)[0])[0] == "0"
