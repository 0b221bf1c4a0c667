"""The best of several reflections."""

from retro_core.reflectors.best_of_n import BestOfN
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.seeds import derived_seed

SEEDS = [7, derived_seed(7, 2), derived_seed(7, 3)]
TEXTS = dict(zip(SEEDS, ["short", "the longest", "longer"], strict=True))


def reflector() -> ScriptedReflector:
    return ScriptedReflector(lambda prompt, seed: TEXTS[seed], adapter="run-1")


def test_the_highest_score_wins_and_all_candidates_are_paid_for():
    best = BestOfN(reflector(), lambda prompt, text: float(len(text)), 3)

    completion = best.reflect("what went wrong", seed=7)

    assert completion.text == "the longest"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (9, 4)
    assert best.adapter == "run-1"


def test_equal_scores_and_a_single_candidate_give_what_is_written_without_ranking():
    assert BestOfN(reflector(), lambda prompt, text: 0.0, 3).reflect("x", seed=7).text == "short"
    assert BestOfN(reflector(), lambda prompt, text: 0.0, 1).reflect("x", seed=7).text == "short"


def test_the_candidates_come_with_their_seeds_and_scores():
    best = BestOfN(reflector(), lambda prompt, text: float(len(text)), 3)

    candidates = best.reflect("what went wrong", seed=7).candidates

    assert [one.seed for one in candidates] == SEEDS
    assert [(one.text, one.score) for one in candidates] == [
        ("short", 5.0),
        ("the longest", 11.0),
        ("longer", 6.0),
    ]
