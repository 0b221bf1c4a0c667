"""Trials of one task: what is learned between them, what is rated, and how they are resumed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from retro_core.actors.scripted import ScriptedActor, actions_in_order
from retro_core.config import ActorConfig, ExperimentConfig, Method, ReflectionConfig
from retro_core.errors import InvalidInput
from retro_core.reflectors.base import Completion, Reflector
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.trials import (
    EpisodeFinished,
    EpisodeStarted,
    Event,
    PastTrial,
    ReflectionWritten,
    StepTaken,
    run_trials,
)
from retro_core.types import Message
from tests.toy_world import DoorsEnv, doors_prompts, doors_task

CONFIG = ExperimentConfig(trials=3, reflection=ReflectionConfig(examples=0))


def advised(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
    """Opens the green door and leaves when told so, else opens red for ever."""
    if "open green" not in messages[1].content:
        return "open red"
    turn = sum(message.role == "assistant" for message in messages)
    return ["open green", "leave"][min(turn, 1)]


def advise(prompt: str, seed: int) -> str:
    return "Mistake: wrong door\nPlan:\n1. open green"


def play(config: ExperimentConfig, prior: Sequence[PastTrial] = ()) -> list[Event]:
    stream = run_trials(
        DoorsEnv(),
        ScriptedActor(advised),
        ScriptedReflector(advise),
        doors_task(),
        config=config,
        prompts=doors_prompts(),
        prior=prior,
    )
    return list(stream)


def reflections_of(reflector: Reflector, config: ExperimentConfig) -> list[ReflectionWritten]:
    stream = run_trials(
        DoorsEnv(),
        ScriptedActor(lambda *given: "open red"),
        reflector,
        doors_task(),
        config=config,
        prompts=doors_prompts(),
    )
    return [event for event in stream if isinstance(event, ReflectionWritten)]


def names(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def episodes(events: Sequence[Event]) -> list[EpisodeFinished]:
    return [event for event in events if isinstance(event, EpisodeFinished)]


def test_a_useful_reflection_solves_the_second_trial_and_is_rated_one():
    events = play(CONFIG)

    assert names(events) == (
        [
            "EpisodeStarted",
            "StepTaken",
            "StepTaken",
            "StepTaken",
            "EpisodeFinished",
            "ReflectionWritten",
            "EpisodeStarted",
            "StepTaken",
            "StepTaken",
            "EpisodeFinished",
        ]
    )
    first, second = episodes(events)
    assert (first.episode.success, first.episode.episode_return, first.rating) == (False, 0.0, None)
    assert (second.episode.success, second.episode.episode_return, second.rating) == (
        True,
        1.0,
        1.0,
    )


def test_no_reflection_is_written_after_the_last_trial():
    events = play(replace(CONFIG, trials=1))

    assert "ReflectionWritten" not in names(events)


@pytest.mark.parametrize("method", ["react", "resample", "fixed_prompt", "last_trial"])
def test_methods_without_reflections_write_none_and_rate_nothing(method: Method):
    events = play(replace(CONFIG, method=method))

    assert "ReflectionWritten" not in names(events)
    assert [finished.rating for finished in episodes(events)] == [None, None, None]


def memories(method: Method) -> list[tuple[str, ...]]:
    events = play(replace(CONFIG, method=method))
    return [event.memory for event in events if isinstance(event, EpisodeStarted)]


def test_react_and_resample_show_the_actor_nothing():
    assert memories("react") == memories("resample") == [(), (), ()]


def test_fixed_prompt_shows_the_same_advice_from_the_second_trial_on():
    assert memories("fixed_prompt") == [(), ("Try every door.",), ("Try every door.",)]


def test_last_trial_shows_the_previous_trajectory():
    assert memories("last_trial")[1] == (
        "What you did last time, which failed:\n"
        "> open red\nA wall.\n> open red\nA wall.\n> open red\nA wall.",
    )


def seeds(method: Method) -> list[int]:
    events = play(replace(CONFIG, method=method))
    return [event.seed for event in events if isinstance(event, EpisodeStarted)]


def test_react_repeats_its_seed_and_all_methods_share_the_others():
    first, second, third = seeds("resample")

    assert len({first, second, third}) == 3
    assert seeds("react") == [first, first, first]
    assert seeds("last_trial") == [first, second, third]
    assert seeds("reflexion") == [first, second]


def test_the_adaptive_schedule_raises_the_temperature_after_each_failure_up_to_the_cap():
    actor = ActorConfig(
        temperature=0.5,
        temperature_schedule="adaptive",
        temperature_rise=0.25,
        temperature_cap=0.75,
    )

    events = play(replace(CONFIG, method="resample", actor=actor))

    temperatures = [event.temperature for event in events if isinstance(event, EpisodeStarted)]
    assert temperatures == [0.5, 0.75, 0.75]


@pytest.mark.parametrize("left_after", [5, 6])
def test_a_stream_left_midway_goes_on_as_if_never_left(left_after: int):
    whole = play(CONFIG)
    episode = episodes(whole)[0].episode
    reflection = next(event for event in whole if isinstance(event, ReflectionWritten)).reflection
    prior = {5: PastTrial(episode), 6: PastTrial(episode, reflection)}[left_after]

    rest = play(CONFIG, [prior])

    assert rest == whole[left_after:]


def test_a_solved_task_is_not_tried_again():
    solved = episodes(play(CONFIG))[1].episode

    assert play(CONFIG, [PastTrial(solved)]) == []


def test_steps_are_numbered_from_zero():
    events = play(CONFIG)

    assert [event.index for event in events if isinstance(event, StepTaken)] == [0, 1, 2, 0, 1]


def test_a_reflection_that_hurts_has_a_negative_rating():
    def misled(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
        return "open red" if "stay" in messages[1].content else "open green"

    stream = run_trials(
        DoorsEnv(),
        ScriptedActor(misled),
        ScriptedReflector(lambda prompt, seed: "stay"),
        doors_task(),
        config=replace(CONFIG, trials=2),
        prompts=doors_prompts(),
    )

    assert [finished.rating for finished in episodes(list(stream))] == [None, -0.5]


def test_an_actor_with_a_list_of_actions_solves_the_doors():
    actor = ScriptedActor(actions_in_order(["open green", "leave"]))
    stream = run_trials(
        DoorsEnv(), actor, None, doors_task(), config=CONFIG, prompts=doors_prompts()
    )

    assert [finished.episode.success for finished in episodes(list(stream))] == [True]


def test_a_method_that_reflects_needs_a_reflector():
    stream = run_trials(
        DoorsEnv(),
        ScriptedActor(advised),
        None,
        doors_task(),
        config=CONFIG,
        prompts=doors_prompts(),
    )

    with pytest.raises(InvalidInput, match="reflexion needs a reflector"):
        list(stream)


def test_a_repeated_reflection_is_written_again_with_another_seed():
    tried: list[int] = []

    def stubborn(prompt: str, seed: int) -> str:
        tried.append(seed)
        return "Mistake: the same" if len(tried) < 4 else f"Mistake: another {seed}"

    config = replace(CONFIG, reflection=replace(CONFIG.reflection, repeat_tries=2, format="free"))
    written = [one.reflection for one in reflections_of(ScriptedReflector(stubborn), config)]

    assert [one.text for one in written] == ["Mistake: the same", f"Mistake: another {tried[3]}"]
    assert len(set(tried)) == 4  # one for the first failure, three for the second
    assert written[1].seed == tried[3]
    assert written[1].usage.completion_tokens == 9  # three words in each try


def test_each_new_try_is_warmer():
    heats: list[float] = []

    class Noting(ScriptedReflector):
        def reflect(
            self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
        ) -> Completion:
            heats.append(warmer)
            return super().reflect(prompt, seed=seed, grammar=grammar)

    config = replace(CONFIG, reflection=replace(CONFIG.reflection, repeat_tries=2))
    reflections_of(Noting(lambda prompt, seed: "Mistake: the same"), config)

    assert heats == [0.0, 0.0, pytest.approx(0.3), pytest.approx(0.6)]


def test_a_reflection_that_repeats_in_every_try_is_kept():
    config = replace(CONFIG, reflection=replace(CONFIG.reflection, repeat_tries=2))

    def same(prompt: str, seed: int) -> str:
        return "Mistake: the same"

    assert len(reflections_of(ScriptedReflector(same), config)) == 2
