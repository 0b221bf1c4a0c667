"""Cues of reflections, their weights, and a reward model that begins with them."""

import json
from dataclasses import replace

import pytest

from retro_core.prompts.cues import CUES, cues_of
from retro_core.prompts.digest import digest_text
from retro_core.prompts.texts import load_prompts
from retro_core.training.adapters import read_card
from retro_core.training.cue_fit import fit_cues
from retro_core.training.cues import CueScore
from retro_core.training.failures import TrainingFailed
from retro_core.training.models import load_reward_model, weights_digest
from retro_core.training.scorer import load_scorer, score_pairs
from retro_core.training.selection import checked_objective
from retro_core.training.spec import Objective, OptimisationSpec, RewardModelSpec
from retro_core.types import RatedReflection
from tests.core.test_digest import CHORE, LOOKED
from tests.core.training_world import make_base_model, tiny_spec, train, write_snapshot

HOUSE = load_prompts("alfworld")
QUESTIONS = load_prompts("hotpotqa")
EXAMPLE = "Task: put a hot egg in fridge.\n\nFound: egg 1 at fridge 1.\n"
FAILURE = f"Task: {CHORE.goal}\n\n{digest_text(CHORE, [LOOKED], HOUSE)}\n\nReflection:"
BLIND = FAILURE.replace("mug 2 at countertop 1", "none")
FETCH = """Mistake: I did not do what solves the task.
Plan:
1. go to countertop 1
2. take mug 2 from countertop 1
3. go to sinkbasin 1
4. clean mug 2 with sinkbasin 1
5. go to shelf 1
6. move mug 2 to shelf 1"""
WANDER = "Mistake: I went back.\nPlan:\n1. go to cabinet 2\n2. go to shelf 1\n3. go to shelf 1"


def cues(prompt, text, prompts=HOUSE):
    return dict(zip(CUES, cues_of(prompt, text, prompts), strict=True))


def rated(task, text, rating, prompt=FAILURE):
    return RatedReflection(f"task-{task}", "alfworld", 1, prompt, text, rating)


def test_a_plan_that_fetches_what_was_found_is_told_from_one_that_wanders():
    assert cues(FAILURE, FETCH) == {
        "found": 1.0,
        "taken": 1.0,
        "searched": 0.0,
        "covered": 0.75,  # put, clean, mug, shelf: a plan says move, not put
        "repeated": 0.0,
    }
    wander = cues(FAILURE, WANDER)
    assert wander["taken"] == 0.0
    assert wander["covered"] == 0.25
    assert wander["repeated"] == pytest.approx(1 / 3)


def test_places_that_nobody_looked_into_count_while_something_is_unfound():
    assert cues(BLIND, WANDER)["searched"] == 1.0  # the cabinet; the shelf was seen
    assert cues(BLIND, FETCH)["searched"] == 1.0  # the sink basin
    assert cues(FAILURE, WANDER)["searched"] == 0.0


def test_a_worked_example_s_digest_is_not_the_failure_s():
    assert cues(f"{EXAMPLE}\n{BLIND}", FETCH)["found"] == 0.0
    assert cues(f"{EXAMPLE}\n{FAILURE}", FETCH)["found"] == 1.0


def test_a_number_that_begins_another_is_another():
    assert cues(FAILURE, FETCH.replace("mug 2", "mug 22"))["taken"] == 0.0


def test_where_no_digest_is_told_only_the_text_s_own_cues_count():
    told = cues("Question: Who wrote it?\nTask: Who wrote it?", "I looked.\nI looked.", QUESTIONS)

    assert told == {"found": 0, "taken": 0, "searched": 0, "covered": 0, "repeated": 0.5}
    assert set(cues("", "").values()) == {0.0}


def test_weights_have_the_sign_of_what_was_seen_and_a_cue_that_never_varies_has_none():
    rows = [rated(n, FETCH if n % 2 else WANDER, float(n % 2)) for n in range(20)]

    fitted = fit_cues(rows, 0.0)

    assert fitted.weights["taken"] > 0 > fitted.weights["repeated"]
    assert fitted.weights["found"] == pytest.approx(0.0, abs=1e-6)
    good, bad = fitted([(FAILURE, FETCH), (FAILURE, WANDER)])
    assert good > 1 > -1 > bad
    assert CueScore(**json.loads(json.dumps(fitted.to_json()))) == fitted


def test_log_odds_of_cues_that_tell_nothing_are_those_of_the_share():
    rows = [rated(n, FETCH, float(n < 5)) for n in range(20)]

    assert fit_cues(rows, 0.0)([(FAILURE, FETCH)]) == pytest.approx([-1.0986], abs=1e-3)  # 1 to 3


@pytest.mark.parametrize(
    ("objective", "worlds", "words"),
    [
        ("pairwise", {"alfworld"}, "needs the objective bce, not pairwise"),
        ("bce", {"alfworld", "webshop"}, "one environment, not of alfworld, webshop"),
    ],
)
def test_what_cues_cannot_be_weighed_on_is_refused(tmp_path, objective: Objective, worlds, words):
    spec = tiny_spec(tmp_path, "reward_model")
    spec = replace(spec, reward_model=RewardModelSpec(objective=objective, cues=True))
    rows = [
        replace(rated(0, text, rating), environment=world)
        for world in sorted(worlds)
        for text, rating in ((FETCH, 1.0), (WANDER, 0.0))
    ]

    with pytest.raises(TrainingFailed, match=words):
        checked_objective(rows, spec)


def test_a_reward_model_begins_with_its_cues_and_its_scorer_adds_them(tmp_path):
    make_base_model(tmp_path / "base")
    rows = [rated(n // 2, FETCH if n % 2 else WANDER, float(n % 2)) for n in range(20)]
    write_snapshot(tmp_path / "snapshot.jsonl", rows)
    still = OptimisationSpec(learning_rate=0.0, batch_size=4, micro_batch_size=2, max_steps=2)
    judge = RewardModelSpec(objective="bce", cues=True)
    spec = tiny_spec(tmp_path, "reward_model", optimisation=still, reward_model=judge)
    pairs = [(FAILURE, FETCH), (FAILURE, WANDER)]

    outcome = train(spec, tmp_path / "run")

    card = read_card(tmp_path / "run/adapter")["figures"]
    alone = CueScore(**card["cues"])(pairs)
    fresh = load_reward_model(spec, weights_digest(tmp_path / "base"))
    scorer = load_scorer(tmp_path / "run/adapter", tmp_path / "base", device="cpu")
    assert score_pairs(fresh, scorer._tokenizer, pairs, spec.tokens) == [0.0, 0.0]
    assert scorer.score(pairs) == pytest.approx(alone)
    assert outcome.figures["validation"]["cue_auc"]["mean"] == 1.0


def test_what_is_learned_beyond_the_cues_is_added_to_them(tmp_path):
    make_base_model(tmp_path / "base")
    # The cues are equal: only the words tell good from bad.
    rows = [rated(n // 2, f"{word} plan", float(word == "good")) for n in range(10)
            for word in ("good", "bad")]  # fmt: skip
    write_snapshot(tmp_path / "snapshot.jsonl", rows)
    learning = OptimisationSpec(
        learning_rate=2e-2, batch_size=8, micro_batch_size=8, max_steps=40, schedule="constant"
    )
    judge = RewardModelSpec(objective="bce", cues=True)
    spec = tiny_spec(tmp_path, "reward_model", optimisation=learning, reward_model=judge)

    outcome = train(spec, tmp_path / "run")

    held = outcome.figures["validation"]
    assert (held["cue_auc"]["mean"], held["auc"]["mean"]) == (0.5, 1.0)
