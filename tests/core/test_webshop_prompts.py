"""The prompt folders of HotPotQA and WebShop: they fill, and their plans fit their grammar."""

import re
from dataclasses import replace

import pytest

from retro_core.config import ExperimentConfig
from retro_core.envs.base import env_spec
from retro_core.prompts.actor import head_messages
from retro_core.prompts.examples import example_turns
from retro_core.prompts.grammar import reflection_grammar
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.texts import PromptSet, load_prompts
from retro_core.types import Episode

WORLDS = ["hotpotqa", "webshop"]
FORMS = {
    "hotpotqa": r"(Search|Lookup|Finish)\[.+\]",
    "webshop": r"(search|click)\[.+\]",
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def prompts(world: str) -> PromptSet:
    return load_prompts(env_spec(world).prompt_folder)


@pytest.mark.parametrize("number", [1, 2])
def test_worked_examples_use_the_actions_of_their_world(
    world: str, prompts: PromptSet, number: int
) -> None:
    turns = example_turns(prompts.text(f"example_{number}"), with_thoughts=False)

    actions = [turn.content for turn in turns if turn.role == "assistant"]
    assert len(actions) >= 4
    assert all(re.fullmatch(FORMS[world], action) for action in actions)


def test_the_head_shows_instructions_two_examples_and_the_task(
    world: str, prompts: PromptSet
) -> None:
    spec = env_spec(world)
    task = spec.generate(count=1, split="train", seed=0)[0]
    first, _ = spec.create().reset(task)
    config = ExperimentConfig()
    config = replace(config, episode=replace(config.episode, examples=2))

    head = head_messages(task, first, ("Be quick.",), config, prompts)

    assert head[0].role == "system"
    assert head[-1].content.count(task.goal) == 1
    assert head[-1].content.endswith("Be quick.")


@pytest.mark.parametrize("number", [1, 2])
def test_structured_examples_follow_the_grammar_that_is_asked_for(
    prompts: PromptSet, number: int
) -> None:
    example = prompts.text(f"reflection_example_{number}_structured")
    config = ExperimentConfig()
    config = replace(config, reflection=replace(config.reflection, format="structured"))
    empty = Episode("t", 1, 0, (), (), False, False, True, "step_cap")

    assert re.fullmatch(reflection_grammar([empty], config, prompts), example)


@pytest.mark.parametrize("form", ["free", "structured"])
def test_the_reflection_prompt_holds_both_examples(
    world: str, prompts: PromptSet, form: str
) -> None:
    spec = env_spec(world)
    task = spec.generate(count=1, split="train", seed=0)[0]
    episode = Episode(task.id, 1, 0, (), (), False, False, True, "step_cap")
    config = ExperimentConfig()
    config = replace(
        config,
        reflection=replace(config.reflection, format=form, examples=2),  # type: ignore[arg-type]
    )

    prompt = reflection_prompt(task, [episode], (), config, prompts)

    for number in (1, 2):
        assert prompts.text(f"reflection_example_{number}_{form}") in prompt
    assert prompt.endswith("Reflection:")
