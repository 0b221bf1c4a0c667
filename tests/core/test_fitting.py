"""How a prompt is kept within the context: what is dropped, and how tokens are counted."""

import pytest

from retro_core.errors import ContextFull
from retro_core.prompts.fitting import PromptFit
from retro_core.types import Message, Step

# At one token for three characters, and five for each message's markers: the head counts 105
# tokens, a step 110, and a step whose observation is left out ("[left out]") 16 2/3.
HEAD = [Message("system", "x" * 300)]


def steps(count: int) -> list[Step]:
    return [Step("", "y" * 10, "z" * 290) for _ in range(count)]


def test_a_prompt_within_the_limit_is_left_alone():
    fit = PromptFit(325, 0.75)

    fit.make_room(HEAD, steps(2))  # 105 + 2 * 110 = 325

    assert fit.dropped == 0


def test_past_the_limit_the_oldest_are_dropped_down_to_the_share_to_keep():
    fit = PromptFit(400, 0.75)

    fit.make_room(HEAD, steps(3))  # 435; 341 2/3 with one dropped; 248 1/3 with two: below 300

    assert fit.dropped == 2


def test_after_dropping_there_is_room_for_some_steps_before_the_next_drop():
    fit = PromptFit(400, 0.75)
    fit.make_room(HEAD, steps(3))

    fit.make_room(HEAD, steps(4))  # 358 1/3

    assert fit.dropped == 2


def test_the_latest_observation_is_never_dropped():
    fit = PromptFit(200, 0.75)

    with pytest.raises(ContextFull, match="outgrows 200 tokens"):
        fit.make_room(HEAD, steps(1))
    assert fit.dropped == 0


def test_the_count_of_the_endpoint_replaces_the_cautious_guess():
    fit = PromptFit(400, 0.75)
    fit.learn(1200, 240)

    fit.make_room(HEAD, steps(3))  # a fifth of a token for a character: 1200 / 5 + 7 * 5 = 275

    assert fit.dropped == 0


@pytest.mark.parametrize("tokens", [0, 1, 10**9])
def test_an_endpoint_that_counts_nonsense_is_trusted_within_bounds_only(tokens: int):
    fit = PromptFit(1300, 0.75)
    fit.learn(1200, tokens)

    fit.make_room(HEAD, steps(3))  # at most one token for a character: 1235

    assert fit.dropped == 0


def test_a_refused_prompt_loses_half_of_what_may_be_dropped_each_time():
    fit = PromptFit(4096, 0.75)
    dropped = []
    for _ in range(3):
        fit.drop_half(6)
        dropped.append(fit.dropped)

    assert dropped == [3, 4, 5]
    with pytest.raises(ContextFull, match="refuses the prompt"):
        fit.drop_half(6)
