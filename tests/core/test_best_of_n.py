"""The best of several reflections."""

from collections.abc import Sequence
from threading import Barrier

from retro_core.reflectors.best_of_n import BestOfN
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.seeds import derived_seed

SEEDS = [7, derived_seed(7, 2), derived_seed(7, 3)]
TEXTS = dict(zip(SEEDS, ["short", "the longest", "longer"], strict=True))


def by_length(prompt: str, texts: Sequence[str]) -> list[float]:
    return [float(len(text)) for text in texts]


def all_equal(prompt: str, texts: Sequence[str]) -> list[float]:
    return [0.0] * len(texts)


def reflector() -> ScriptedReflector:
    return ScriptedReflector(lambda prompt, seed: TEXTS[seed], adapter="run-1")


def test_the_highest_score_wins_and_all_candidates_are_paid_for():
    best = BestOfN(reflector(), by_length, 3)

    completion = best.reflect("what went wrong", seed=7)

    assert completion.text == "the longest"
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (9, 4)
    assert best.adapter == "run-1"


def test_equal_scores_and_a_single_candidate_give_what_is_written_without_ranking():
    assert BestOfN(reflector(), all_equal, 3).reflect("x", seed=7).text == "short"
    assert BestOfN(reflector(), all_equal, 1).reflect("x", seed=7).text == "short"


def test_the_candidates_come_with_their_seeds_and_scores():
    best = BestOfN(reflector(), by_length, 3)

    candidates = best.reflect("what went wrong", seed=7).candidates

    assert [one.seed for one in candidates] == SEEDS
    assert [(one.text, one.score) for one in candidates] == [
        ("short", 5.0),
        ("the longest", 11.0),
        ("longer", 6.0),
    ]


def test_candidates_are_asked_for_side_by_side():
    together = Barrier(3, timeout=20)

    def wait_for_all(prompt: str, seed: int) -> str:
        together.wait()
        return TEXTS[seed]

    best = BestOfN(ScriptedReflector(wait_for_all, adapter="run-1"), by_length, 3)

    assert best.reflect("what went wrong", seed=7).text == "the longest"


def test_a_half_written_last_line_is_cut_before_the_candidates_are_scored():
    cut_short = ScriptedReflector(lambda prompt, seed: f"1. go {seed}\n2. take pla\n")
    scored: list[str] = []

    def noting(prompt: str, texts: Sequence[str]) -> list[float]:
        scored.extend(texts)
        return by_length(prompt, texts)

    completion = BestOfN(cut_short, noting, 3).reflect("x", seed=7, grammar=r"1\. go \d+")

    assert scored == [f"1. go {seed}" for seed in SEEDS]
    assert [one.text for one in completion.candidates] == scored
    assert completion.text in scored
