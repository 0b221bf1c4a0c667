"""One episode: rewards, truncation, and prompts that can be shown again."""

from dataclasses import replace

import pytest

from retro_core.actors.scripted import Rule, ScriptedActor, actions_in_order
from retro_core.config import EpisodeConfig, ExperimentConfig
from retro_core.errors import ContextFull, InvalidInput
from retro_core.prompts.actor import DROPPED_OBSERVATION
from retro_core.rollout import Trial, rebuild_prompt, rollout
from retro_core.types import Episode, Message
from tests.toy_world import DoorsEnv, doors_prompts, doors_task

LOSING = actions_in_order(["open red", "open green", "open red", "open red", "open blue"])
WINNING = actions_in_order(["open red", "open green", "leave"])


def play(rule: Rule, *, memory: tuple[str, ...] = (), **episode: object) -> Episode:
    config = ExperimentConfig(episode=EpisodeConfig.from_json(episode))
    trial = Trial(1, seed=7, memory=memory)
    return rollout(
        DoorsEnv(), ScriptedActor(rule), doors_task(), trial, config=config, prompts=doors_prompts()
    )


def test_the_score_is_paid_out_as_it_grows():
    episode = play(WINNING)

    assert [step.reward for step in episode.steps] == [0.0, 0.5, 0.5]
    assert (episode.episode_return, episode.success, episode.terminated) == (1.0, True, True)
    assert not episode.truncated


@pytest.mark.parametrize(
    ("returns", "rewards"), [("environment", [0.0, 0.0, 1.0]), ("success", [0.0, 0.0, 1.0])]
)
def test_other_returns_pay_at_the_end(returns: str, rewards: list[float]):
    episode = play(WINNING, returns=returns)

    assert [step.reward for step in episode.steps] == rewards


def test_a_failed_episode_keeps_its_partial_score_unless_only_success_counts():
    assert play(LOSING, max_steps=4).episode_return == 0.5
    assert play(LOSING, max_steps=4, returns="success").episode_return == 0.0


def test_the_step_cap_truncates():
    episode = play(LOSING, max_steps=2)

    assert len(episode.steps) == 2
    assert (episode.truncated, episode.truncation_reason) == (True, "step_cap")
    assert not episode.terminated


def test_the_third_identical_action_and_observation_in_a_row_truncates():
    episode = play(actions_in_order(["open red", "open green", "open red"]))

    assert [step.action for step in episode.steps] == ["open red", "open green"] + ["open red"] * 3
    assert episode.truncation_reason == "repeated_action"


def test_a_solved_task_on_the_last_step_is_terminated_and_not_truncated():
    episode = play(WINNING, max_steps=3)

    assert (episode.terminated, episode.truncated) == (True, False)


def test_a_nonsense_action_is_an_invalid_step():
    episode = play(actions_in_order(["sing", "open green", "leave"]))

    assert [step.invalid for step in episode.steps] == [True, False, False]


def test_every_prompt_can_be_rebuilt_as_it_was_sent():
    sent: list[list[Message]] = []

    def watched(messages, admissible, seed):
        sent.append(list(messages))
        return LOSING(messages, admissible, seed)

    episode = play(watched, max_steps=4, memory=("open blue",))

    assert [rebuild_prompt(episode, index) for index in range(4)] == sent
    assert [(m.role, m.content) for m in sent[1]] == [
        ("system", "Open doors. Answer with one action."),
        (
            "user",
            "Task: Find the way out.\n\nYou see three doors.\n\n"
            "Notes from earlier attempts at this task:\nopen blue",
        ),
        ("assistant", "open red"),
        ("user", "A wall."),
    ]


def test_a_record_that_was_changed_is_found_out():
    episode = play(LOSING, max_steps=4)
    forged = replace(
        episode, steps=(replace(episode.steps[0], action="open blue"), *episode.steps[1:])
    )

    with pytest.raises(InvalidInput, match=r"Step 2 of doors-1, trial 1"):
        rebuild_prompt(forged, 1)


def test_a_context_that_overflows_loses_its_oldest_observations_and_counts_them():
    sent: list[list[Message]] = []

    def small_model(messages, admissible, seed):
        if sum(message.content == "A wall." for message in messages) > 2:
            raise ContextFull("too long")
        sent.append(list(messages))
        turn = sum(message.role == "assistant" for message in messages)
        return ["open red", "open blue"][turn % 2]

    episode = play(small_model, max_steps=5)

    assert [step.dropped_observations for step in episode.steps] == [0, 0, 0, 1, 2]
    assert [message.content for message in sent[3][3::2]] == [
        DROPPED_OBSERVATION,
        "A wall.",
        "A wall.",
    ]
    assert rebuild_prompt(episode, 4) == sent[4]


def test_a_context_that_fills_up_after_some_steps_truncates_the_episode():
    def small_model(messages, admissible, seed):
        if any(message.role == "assistant" for message in messages):
            raise ContextFull("too long")
        return "open green"

    episode = play(small_model)

    assert (len(episode.steps), episode.truncation_reason) == (1, "context_full")
    assert episode.episode_return == 0.5


def test_an_opening_prompt_that_never_fits_is_no_episode():
    def tiny_model(messages, admissible, seed):
        raise ContextFull("too long")

    with pytest.raises(InvalidInput, match=r"opening prompt does not fit.*fewer examples"):
        play(tiny_model)


def test_an_opening_prompt_beyond_the_configured_context_is_never_sent():
    sent: list[list[Message]] = []

    def watched(messages, admissible, seed):
        sent.append(list(messages))
        return "open red"

    with pytest.raises(InvalidInput, match="outgrows 256 tokens"):
        play(watched, memory=("wall " * 200,), context_tokens=256)

    assert sent == []


@pytest.mark.parametrize("refused_by", ["configuration", "endpoint"])
def test_the_oldest_memory_gives_way_to_an_opening_prompt_that_fits(refused_by: str):
    sent: list[list[Message]] = []

    def model(messages, admissible, seed):
        if refused_by == "endpoint" and "oldest" in messages[-1].content:
            raise ContextFull("too long")
        sent.append(list(messages))
        return LOSING(messages, admissible, seed)

    tokens = 256 if refused_by == "configuration" else 4096
    memory = ("oldest " * 100, "older", "newest")
    episode = play(model, memory=memory, context_tokens=tokens, max_steps=2)

    assert episode.head[-1].content.endswith("at this task:\nolder\n\nnewest")
    assert [rebuild_prompt(episode, index) for index in range(2)] == sent


def test_admissible_actions_are_listed_only_when_asked_for():
    plain, listed = play(LOSING, max_steps=1), play(LOSING, max_steps=1, show_admissible=True)

    assert plain.steps[0].observation == "A wall."
    assert listed.steps[0].observation == (
        "A wall.\nPossible actions: open red; open green; open blue; leave"
    )


def test_worked_examples_come_between_instructions_and_the_task():
    head = play(LOSING, max_steps=1, examples=1).head

    assert [(message.role, message.content) for message in head[:3]] == [
        ("system", "Open doors. Answer with one action."),
        ("user", "Doors."),
        ("assistant", "open red"),
    ]
