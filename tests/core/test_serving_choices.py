"""The trie of candidates, its mask, and the choice."""

import math

import pytest
import torch

from retro_core.serving import choices
from retro_core.serving.choices import build_trie, choose, score, token_logprobs, tree_mask

END = 2


def test_candidates_that_begin_alike_share_their_nodes() -> None:
    trie = build_trie([[7, 8, END], [7, 9, END], [7, END]])

    assert trie.tokens == (7, 8, 9)
    assert trie.parents == (-1, 0, 0)
    assert trie.depths == (0, 1, 1)
    assert trie.paths == ((0, 1), (0, 2), (0,))


def test_a_node_sees_the_prompt_its_ancestors_and_itself_alone() -> None:
    trie = build_trie([[7, 8, END], [7, 9, END]])

    mask = tree_mask(trie, 2, range(len(trie.tokens)))

    assert mask.int().tolist() == [
        # two prompt tokens, 7, 8, 9
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 0, 1],
    ]


def test_the_sum_prefers_the_short_and_the_mean_the_likely_per_token() -> None:
    short, long = [-1.0, -1.0], [-0.75, -0.75, -0.75, -0.75]

    assert score(short, "sum") == -2.0 > score(long, "sum") == -3.0
    assert score(short, "mean") == -1.0 < score(long, "mean") == -0.75


def test_temperature_zero_takes_the_best_candidate() -> None:
    assert choose([-3.0, -1.0, -2.0], temperature=0, seed=1) == 1


def test_sampling_follows_the_softmax_and_its_seed() -> None:
    # Scores ln 3 apart: three of four draws take the first.
    scores = [-1.0, -1.0 - 1.0986122886681098]

    drawn = [choose(scores, temperature=1.0, seed=seed) for seed in range(2000)]

    assert abs(drawn.count(0) / 2000 - 0.75) < 0.03
    assert drawn == [choose(scores, temperature=1.0, seed=seed) for seed in range(2000)]


@pytest.mark.parametrize("rows_at_a_time", [1, 2, 256])
def test_each_token_is_read_after_its_own_prefix(
    rows_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "ROWS_AT_A_TIME", rows_at_a_time)
    trie = build_trie([[0, 1, END], [1, END]])
    # Rows: after the prompt, after 0, after 0 1, after 1.
    probabilities = [[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.2, 0.7, 0.1]]

    found = token_logprobs(trie, torch.tensor(probabilities), torch.log)

    expected = [[0.5, 0.8, 0.5], [0.25, 0.1]]
    assert [[round(math.exp(p), 4) for p in row] for row in found] == expected
