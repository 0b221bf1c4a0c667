"""What every registered environment promises, whatever world it holds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from retro_core.envs.base import Env, EnvInfo, EnvSpec, Transition, env_spec, registered
from retro_core.errors import InvalidInput
from retro_core.types import Task

NONSENSE = ["", "   ", "xyzzy", "go to", "Finish[", "search[]", "click[nothing]", "\0", "é" * 2000]


@pytest.fixture(params=sorted(registered()))
def spec(request: pytest.FixtureRequest) -> EnvSpec:
    found = env_spec(request.param)
    if words := found.missing():
        pytest.skip(f"{found.title} cannot be played on this machine: {words}")
    return found


@pytest.fixture
def task(spec: EnvSpec) -> Task:
    return spec.generate(count=1, split=spec.splits[0], seed=0)[0]


def wandering(env: Env, task: Task, steps: int) -> Iterator[tuple[str, Transition]]:
    """Act at random: an admissible action where there are any, nonsense otherwise."""
    rng = Random(7)
    _, info = env.reset(task)
    for _ in range(steps):
        action = rng.choice(info.admissible_actions or NONSENSE)
        transition = env.step(action)
        yield action, transition
        info = transition.info
        if transition.terminated:
            return


def test_the_spec_says_what_is_needed_to_show_and_run_it(spec: EnvSpec) -> None:
    assert spec.name == spec.name.lower()
    assert all((spec.title, spec.description, spec.prompt_folder, spec.success_meaning))
    assert spec.splits
    assert spec.default_max_steps >= 1
    assert spec.default_trials >= 1


def test_every_split_generates_tasks_that_repeat(spec: EnvSpec) -> None:
    for split in spec.splits:
        tasks = list(spec.generate(count=3, split=split, seed=1))

        assert [task.environment for task in tasks] == [spec.name] * 3
        assert [task.split for task in tasks] == [split] * 3
        assert len({task.id for task in tasks}) == 3
        assert tasks == list(spec.generate(count=3, split=split, seed=1))
        assert all(task.goal for task in tasks)


def test_a_task_that_went_through_json_plays_the_same(spec: EnvSpec, task: Task) -> None:
    stored = replace(task, payload=json.loads(json.dumps(dict(task.payload))))

    played = list(wandering(spec.create(), stored, steps=10))

    assert played == list(wandering(spec.create(), task, steps=10))


def test_an_unknown_split_is_refused(spec: EnvSpec) -> None:
    with pytest.raises(InvalidInput):
        spec.generate(count=1, split="no such split", seed=0)


def test_reset_begins_an_unsolved_episode(spec: EnvSpec, task: Task) -> None:
    observation, info = spec.create().reset(task)

    assert observation
    assert not info.success
    assert 0 <= info.score < 1
    assert not info.invalid_action


def test_reset_begins_the_same_episode_again(spec: EnvSpec, task: Task) -> None:
    env = spec.create()
    first = env.reset(task)
    for _ in wandering(env, task, steps=10):
        pass

    assert env.reset(task) == first


def test_a_task_of_another_world_is_refused(spec: EnvSpec, task: Task) -> None:
    with pytest.raises(InvalidInput):
        spec.create().reset(replace(task, environment="elsewhere", payload={}))


def test_nonsense_is_answered_and_never_raises(spec: EnvSpec, task: Task) -> None:
    env = spec.create()
    for action in NONSENSE:
        env.reset(task)

        transition = env.step(action)

        assert isinstance(transition.observation, str)
        assert not transition.info.success
        assert not transition.truncated


def test_admissible_actions_are_distinct_and_understood(spec: EnvSpec, task: Task) -> None:
    for action, transition in wandering(spec.create(), task, steps=30):
        admissible = transition.info.admissible_actions
        assert len(admissible) == len(set(admissible))
        if action not in NONSENSE:
            assert not transition.info.invalid_action


def test_scores_stay_in_range_and_success_ends_the_episode(spec: EnvSpec, task: Task) -> None:
    for _, transition in wandering(spec.create(), task, steps=30):
        info: EnvInfo = transition.info
        assert 0 <= info.score <= 1
        assert -1 <= transition.reward <= 1
        assert transition.terminated or not info.success


def test_two_environments_given_the_same_actions_agree(spec: EnvSpec, task: Task) -> None:
    first = list(wandering(spec.create(), task, steps=20))

    assert list(wandering(spec.create(), task, steps=20)) == first
