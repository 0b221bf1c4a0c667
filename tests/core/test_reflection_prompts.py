"""The room in a reflection prompt: what the failure gets, what earlier reflections get."""

from collections.abc import Sequence

import pytest

from retro_core.config import ExperimentConfig, ReflectionConfig
from retro_core.errors import NoRoomForSteps
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.texts import load_prompts
from retro_core.types import Episode, Message, Step, Task

QUESTIONS = load_prompts("hotpotqa")
QUESTION = Task("q-1", "hotpotqa", "Who? " * 20)
LIMIT = 800 * 3  # the default prompt tokens, in characters
LONG = "An observation of some length. " * 4
OLDEST, MIDDLE, NEWEST = ("a" * 500, "b" * 500, "c" * 500)


def failed(observation: str = "Nothing.", *, steps: int = 6) -> Episode:
    head = (Message("system", "Search."), Message("user", QUESTION.goal))
    played = tuple(Step("", f"Search[{n}]", observation) for n in range(steps))
    return Episode(QUESTION.id, 1, 0, head, played, False, False, True, "step_cap")


def asked(episode: Episode, earlier: Sequence[str], **reflection: int) -> str:
    config = ExperimentConfig(reflection=ReflectionConfig(**reflection))
    return reflection_prompt(QUESTION, [episode], earlier, config, QUESTIONS)


@pytest.mark.parametrize("earlier", [(MIDDLE, NEWEST), (OLDEST, MIDDLE, NEWEST)])
def test_earlier_reflections_leave_room_for_the_failure(earlier: tuple[str, ...]):
    prompt = asked(failed(LONG), earlier)

    assert f"> Search[5]\n{LONG}\n" in prompt
    assert len(prompt) <= LIMIT


def test_the_newest_of_earlier_reflections_are_kept_and_the_last_one_kept_is_cut():
    prompt = asked(failed(LONG, steps=20), ["z" * 100, "a" * 100, "b" * 200, "c" * 100])

    # 1148 characters are left, a third is 382; 325 go to the heading, to c and to b.
    assert f"\n\nEarlier reflections:\n{'a' * 52}...\n\n{'b' * 200}\n\n{'c' * 100}\n\n" in prompt


def test_earlier_reflections_are_told_in_full_where_every_step_is_told_as_well():
    prompt = asked(failed(steps=1), (NEWEST,))

    assert f"Earlier reflections:\n{NEWEST}\n\nResult" in prompt
    assert "> Search[0]\nNothing." in prompt


def test_a_prompt_without_room_for_any_step_is_refused():
    advice = (
        r"200 prompt tokens .* raise the reflection's prompt_tokens, or lower its examples \(2\)"
    )
    with pytest.raises(NoRoomForSteps, match=advice):
        asked(failed(), (), prompt_tokens=200, examples=2)
