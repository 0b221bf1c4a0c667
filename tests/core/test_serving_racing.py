"""The race among candidates ends as scoring all of them would."""

import random

import pytest

from retro_core.serving.choices import Normalisation, build_trie, choose, score
from retro_core.serving.racing import PROMPT, Race

END = 0


def candidates_of(rng: random.Random) -> list[list[int]]:
    """Up to 30 different strings of up to 5 tokens out of 4, each with its end."""
    texts = {tuple(rng.choices(range(1, 5), k=rng.randint(1, 5))) for _ in range(30)}
    return [[*text, END] for text in sorted(texts, key=lambda text: rng.random())]


def logprob(prefix: tuple[int, ...], token: int) -> float:
    """A made-up model, in nats: any number below nought, the same for the same prefix."""
    return -5 * random.Random(repr((prefix, token))).random() ** 3


def full_scores(candidates: list[list[int]], normalisation: Normalisation) -> list[float]:
    return [
        score([logprob(tuple(c[:d]), c[d]) for d in range(len(c))], normalisation)
        for c in candidates
    ]


def prefix_of(race: Race, node: int) -> tuple[int, ...]:
    prefix: list[int] = []
    while node != PROMPT:
        prefix.insert(0, race.trie.tokens[node])
        node = race.trie.parents[node]
    return tuple(prefix)


def run(race: Race) -> list[int]:
    """Run the race with the made-up model; return the nodes in the order in which they ran."""
    ran: list[int] = []
    nodes = [PROMPT]
    while nodes:
        for node in nodes:
            prefix = prefix_of(race, node)
            race.take(node, [logprob(prefix, token) for _, token in race.readers(node)])
        ran += nodes
        nodes = race.wanted()
    return ran


@pytest.mark.parametrize("normalisation", ["sum", "mean"])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_the_winner_is_that_of_scoring_everything(
    normalisation: Normalisation, temperature: float
) -> None:
    for seed in range(60):
        candidates = candidates_of(random.Random(seed))
        race = Race(
            build_trie(candidates), normalisation=normalisation, temperature=temperature, seed=seed
        )

        run(race)

        scores = full_scores(candidates, normalisation)
        winner = choose(scores, temperature=temperature, seed=seed)
        assert race.winner() == winner
        assert race.scores()[winner] == pytest.approx(scores[winner], abs=1e-12)
        assert all(
            known >= whole - 1e-12 for known, whole in zip(race.scores(), scores, strict=True)
        )


def test_a_parent_runs_before_its_children_and_nothing_runs_twice() -> None:
    candidates = candidates_of(random.Random(7))
    race = Race(build_trie(candidates), normalisation="sum", temperature=1.0, seed=7)

    ran = run(race)

    assert len(set(ran)) == len(ran)
    assert all(ran.index(race.trie.parents[node]) < ran.index(node) for node in ran[1:])


def test_branches_that_cannot_win_are_left_alone() -> None:
    # The prompt makes 1 all but sure; 2 and its five endings are not looked at.
    candidates = [[1, END], *([2, token, END] for token in range(3, 8))]
    race = Race(build_trie(candidates), normalisation="sum", temperature=0.0, seed=0)

    race.take(PROMPT, [-0.01] + [-4.6] * 5)
    first = race.wanted()
    race.take(first[0], [-0.02])

    assert [race.trie.tokens[node] for node in first] == [1]
    assert race.wanted() == []
    assert race.winner() == 0


def test_the_first_of_equal_candidates_wins() -> None:
    race = Race(build_trie([[1, END], [2, END]]), normalisation="sum", temperature=0.0, seed=0)

    race.take(PROMPT, [-1.0, -1.0])
    for node in race.wanted():
        race.take(node, [-0.5])

    assert race.winner() == 0
