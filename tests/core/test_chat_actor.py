"""The chat actor: constrained choice, thoughts, fallbacks, and one repair turn."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from retro_core.actors.chat import ChatActor
from retro_core.config import ActorConfig, EpisodeConfig, ExperimentConfig
from retro_core.errors import EndpointRefused
from retro_core.llm.reply import FormatRefused
from retro_core.llm.scripted import ScriptedChat, replies_in_order
from retro_core.rollout import Trial, rebuild_calls, rollout
from retro_core.types import Message
from tests.toy_world import DoorsEnv, doors_prompts, doors_task

PROMPT = [Message("system", "Act."), Message("user", "A door.")]
ACTIONS = ["open red", "open green"]


def actor(model: ScriptedChat, **config: Any) -> ChatActor:
    return ChatActor(model, ActorConfig(**config), doors_prompts())


def schema(fields: Mapping[str, Any]) -> Any:
    return fields["response_format"] and fields["response_format"]["json_schema"]["schema"]


def test_an_admissible_action_is_chosen_in_one_call_through_an_enum():
    model = ScriptedChat(replies_in_order('"open green"'))

    decision = actor(model).decide(PROMPT, admissible=ACTIONS, seed=4, temperature=0.3)

    ((messages, fields),) = model.calls
    assert messages == PROMPT
    assert schema(fields) == {"type": "string", "enum": ["open red", "open green"]}
    assert (fields["seed"], fields["temperature"]) == (4, 0.3)
    assert (decision.thought, decision.action, decision.reply) == ("", "open green", '"open green"')
    assert not decision.repaired
    assert decision.follow_ups == ()


def test_with_thoughts_on_a_thought_is_asked_for_first_and_shown_to_the_choice():
    model = ScriptedChat(replies_in_order("Thought: Green looks good.", '"open green"'))

    decision = actor(model, thought_tokens=50).decide(PROMPT, admissible=ACTIONS, seed=4)

    (_, thinking), (messages, _) = model.calls
    assert (thinking["max_tokens"], thinking["stop"]) == (50, ["\n"])
    assert schema(thinking) is None
    assert messages[2:] == [
        Message("assistant", "Thought: Green looks good."),
        Message("user", "Action:"),
    ]
    assert (decision.thought, decision.action) == ("Green looks good.", "open green")
    assert decision.usage.completion_tokens == 4 + 2  # words of the two replies


def strict_endpoint(messages: Sequence[Message], fields: Mapping[str, Any]) -> str:
    if schema(fields) and schema(fields)["type"] != "object":
        raise FormatRefused("schema must be an object")
    return '{"action": "open green"}'


def test_an_endpoint_that_wants_an_object_gets_one_from_then_on():
    model = ScriptedChat(strict_endpoint)
    strict = actor(model)

    for _ in range(2):
        assert strict.decide(PROMPT, admissible=ACTIONS, seed=4).action == "open green"

    asked = [schema(fields)["type"] for _, fields in model.calls]
    assert asked == ["string", "object", "object"]
    assert schema(model.calls[1][1]) == {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": ["open red", "open green"]}},
        "required": ["action"],
        "additionalProperties": False,
    }


def test_an_endpoint_without_choice_is_asked_in_words():
    def plain(messages: Sequence[Message], fields: Mapping[str, Any]) -> str:
        if schema(fields):
            raise FormatRefused("no response_format here")
        return "Action: open green."

    model = ScriptedChat(plain)

    plainly = actor(model)
    decisions = [plainly.decide(PROMPT, admissible=ACTIONS, seed=4) for _ in range(2)]

    for decision in decisions:
        assert (decision.action, decision.repaired) == ("open green", False)
    assert [schema(fields) is None for _, fields in model.calls] == [False, False, True, True]


def test_a_refusal_after_an_answered_choice_holds_for_that_decision_alone():
    def odd(messages: Sequence[Message], fields: Mapping[str, Any]) -> str:
        if schema(fields) and "open red" not in str(schema(fields)):
            raise FormatRefused("not these words")
        return '"open green"' if schema(fields) else "Action: open green"

    model = ScriptedChat(odd)
    choosing = actor(model)

    for admissible in (ACTIONS, ["open green"], ACTIONS):
        decision = choosing.decide(PROMPT, admissible=admissible, seed=4)
        assert (decision.action, decision.repaired) == ("open green", False)

    asked = [schema(fields) and schema(fields)["type"] for _, fields in model.calls]
    assert asked == ["string", "string", "object", None, "string"]


def test_an_endpoint_that_refuses_everything_is_a_refusal():
    def closed(messages: Sequence[Message], fields: Mapping[str, Any]) -> str:
        raise FormatRefused("no") if schema(fields) else EndpointRefused("no such model")

    with pytest.raises(EndpointRefused, match="no such model"):
        actor(ScriptedChat(closed)).decide(PROMPT, admissible=ACTIONS, seed=4)


def test_an_action_outside_the_action_space_gets_one_repair_turn():
    model = ScriptedChat(replies_in_order("Action: dance", "open red"))

    decision = actor(model, choice_style="none").decide(PROMPT, admissible=ACTIONS, seed=4)

    assert (decision.action, decision.repaired) == ("open red", True)
    assert model.calls[1][0][2:] == [
        Message("assistant", "Action: dance"),
        Message(
            "user",
            "That is not one of the possible actions. Answer with exactly one of these, and nothing"
            " else:\nopen red\nopen green",
        ),
    ]


def test_a_second_nonsense_goes_to_the_environment_as_it_is():
    model = ScriptedChat(replies_in_order("Action: dance", "Action: sing"))

    decision = actor(model, choice_style="none").decide(PROMPT, admissible=ACTIONS, seed=4)

    assert (decision.action, decision.repaired) == ("sing", True)
    assert len(model.calls) == 2


def test_free_actions_come_with_their_thought_in_one_call():
    model = ScriptedChat(replies_in_order("Thought: Look it up.\nAction: Search[Milhouse]"))

    decision = actor(model, thought_tokens=50, action_tokens=30).decide(
        PROMPT, admissible=(), seed=4
    )

    assert model.calls[0][1]["max_tokens"] == 80
    assert (decision.thought, decision.action) == ("Look it up.", "Search[Milhouse]")


def test_a_thought_without_an_action_is_repaired():
    model = ScriptedChat(replies_in_order("Thought: Hmm.", "Action: Search[x]"))

    decision = actor(model, thought_tokens=50).decide(PROMPT, admissible=(), seed=4)

    assert (decision.thought, decision.action, decision.repaired) == ("Hmm.", "Search[x]", True)


def test_an_empty_reply_twice_is_an_empty_action_and_no_error():
    decision = actor(ScriptedChat(replies_in_order(""))).decide(PROMPT, admissible=(), seed=4)

    assert (decision.action, decision.repaired) == ("", True)


def test_every_call_of_an_episode_with_thoughts_and_repairs_can_be_shown_again():
    replies = replies_in_order(
        "Thought: Red.", '"open red"', "Thought: Green.", "dance", "open green", "Thought: Out.",
        '"leave"',
    )  # fmt: skip
    model = ScriptedChat(replies)
    config = ExperimentConfig(
        episode=EpisodeConfig(examples=1), actor=ActorConfig(thought_tokens=50)
    )

    episode = rollout(
        DoorsEnv(),
        ChatActor(model, config.actor, doors_prompts()),
        doors_task(),
        Trial(1, seed=1),
        config=config,
        prompts=doors_prompts(),
    )

    assert episode.success
    assert [step.repaired for step in episode.steps] == [False, True, False]
    shown = [call for index in range(3) for call in rebuild_calls(episode, index)]
    assert shown == [messages for messages, _ in model.calls]
    assert episode.head[0].content.startswith("Open doors. Answer with one action.\nAnswer each")
    assert episode.head[2].content == "Thought: Red first.\nAction: open red"
