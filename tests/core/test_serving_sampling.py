"""How the next token is drawn."""

import math
from collections import Counter
from unittest.mock import Mock

import torch

from retro_core.serving import lane
from retro_core.serving.jobs import Failed
from retro_core.serving.sampling import Sampler, Sampling
from retro_core.serving.stops import StopCutter, cut

# Probabilities 1/2, 1/4, 1/8, 1/8.
LOGITS = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()


def drawn(sampling: Sampling, count: int = 1, allowed: list[bool] | None = None) -> list[int]:
    sampler = Sampler(sampling, prompt=[])
    mask = None if allowed is None else torch.tensor(allowed)
    return [sampler.draw(LOGITS, mask) for _ in range(count)]


def test_temperature_zero_takes_the_most_probable() -> None:
    assert drawn(Sampling(), 3) == [0, 0, 0]


def test_settings_that_no_float_can_hold_still_draw_a_token() -> None:
    assert drawn(Sampling(temperature=1e-310, top_p=0.9), 2) == [0, 0]
    odd = Sampling(temperature=1.0, repetition_penalty=1e-39, top_p=0.9, seed=1)
    assert all(token in range(4) for token in drawn(odd, 5))


def test_an_odd_generation_ends_alone() -> None:
    live = Mock(done=False)
    live.take.side_effect = IndexError("no token left")

    lane._hand(live, LOGITS)

    assert live.done
    (event,) = live.job.deliver.call_args.args
    assert event == Failed("no token can be drawn with these parameters")


def test_samples_follow_the_probabilities_and_repeat_with_their_seed() -> None:
    first = drawn(Sampling(temperature=1.0, seed=5), 4000)

    shares = [Counter(first)[token] / 4000 for token in range(4)]
    assert all(abs(s - p) < 0.03 for s, p in zip(shares, [0.5, 0.25, 0.125, 0.125], strict=True))
    assert first == drawn(Sampling(temperature=1.0, seed=5), 4000)
    assert first != drawn(Sampling(temperature=1.0, seed=6), 4000)


def test_top_k_and_top_p_keep_the_most_probable() -> None:
    assert set(drawn(Sampling(temperature=1.0, top_k=2), 200)) == {0, 1}
    # 1/2 + 1/4 reaches 0.75, so the third is not needed.
    assert set(drawn(Sampling(temperature=1.0, top_p=0.75), 200)) == {0, 1}
    assert len(set(drawn(Sampling(temperature=1.0, top_p=0.76), 400))) == 3


def test_typical_p_keeps_what_is_near_the_entropy() -> None:
    # The entropy is 1.75 bits; token 1 (2 bits) is nearest, then token 0 (1 bit).
    assert set(drawn(Sampling(temperature=1.0, typical_p=0.2), 100)) == {1}
    assert set(drawn(Sampling(temperature=1.0, typical_p=0.5), 200)) == {0, 1}


def test_a_grammar_leaves_only_what_it_allows() -> None:
    assert drawn(Sampling(), allowed=[False, False, True, False]) == [2]


def test_penalties_lower_what_was_written() -> None:
    # After token 0, 0.5 falls to 0.5 / e^2 = 0.07, under 0.25.
    sampler = Sampler(Sampling(frequency_penalty=2.0), prompt=[])
    assert [sampler.draw(LOGITS, None) for _ in range(2)] == [0, 1]

    # ln 0.5 * 2.5 = ln 0.177, under 0.25; the prompt counts too.
    repeated = Sampler(Sampling(repetition_penalty=2.5), prompt=[0])
    assert repeated.draw(LOGITS, None) == 1
    assert math.exp(math.log(0.5) * 2.5) < 0.25


def test_text_is_cut_before_a_stop_that_comes_in_pieces() -> None:
    cutter = StopCutter(["END"])

    shown = [cutter.feed(piece) for piece in ("one E", "N", "T", " two EN", "D three")]

    assert shown == ["one ", "", "ENT", " two ", ""]
    assert cutter.flush() == ""


def test_text_held_back_is_shown_when_no_stop_follows() -> None:
    assert cut("ends with E", ["END"]) == "ends with E"
    assert cut("aXbYc", ["Y", "X"]) == "a"
