"""The teacher of the embedded actor, and the lessons made of its games."""

import random

import pytest

from retro_core.envs.alfworld.env import AlfworldEnv
from retro_core.envs.alfworld.generator import generate
from retro_core.errors import InvalidInput
from retro_core.hindsight import MISTAKE, UNSEEN_MISTAKE
from retro_core.training.imitation.advice import FOLLOWING, SEARCHING, TOURING, make_advice
from retro_core.training.imitation.beliefs import Beliefs
from retro_core.training.imitation.chores import Chore, read_chore
from retro_core.training.imitation.games import habits_of, lessons
from retro_core.training.imitation.player import Player
from retro_core.training.imitation.tokens import tokenise

FETCH = ["go to drawer 1", "take cd 1 from drawer 1", "go to safe 1", "move cd 1 to safe 1"]
PLACES = ["drawer 1", "drawer 2", "shelf 1", "safe 1"]
ROOM = "You see... Looking quickly around you, you see a drawer 2, a drawer 1, and a shelf 1."


class LetterEncoder:
    """Every character is a token."""

    def encode(self, text):
        return [ord(letter) for letter in text]


@pytest.mark.parametrize(
    ("goal", "chore"),
    [
        ("put some mug on desk.", Chore("mug", "desk")),
        ("put a hot apple in fridge", Chore("apple", "fridge", "heat")),
        ("clean some pan and put it in cabinet", Chore("pan", "cabinet", "clean")),
        ("find two cd and put them in safe", Chore("cd", "safe", count=2)),
        ("put two cd in safe", Chore("cd", "safe", count=2)),
        ("look at book under the desklamp", Chore("book", lamp="desklamp")),
    ],
)
def test_a_goal_sentence_is_understood(goal, chore):
    assert read_chore(goal) == chore


def test_a_sentence_that_is_no_goal_is_refused():
    with pytest.raises(InvalidInput, match="sing a song"):
        read_chore("sing a song")


def test_beliefs_follow_what_is_seen_and_carried():
    beliefs = Beliefs.from_room(ROOM)

    beliefs.notice("go to drawer 1", "You arrive at drawer 1. The drawer 1 is closed.")
    assert beliefs.closed == {"drawer 1"}

    beliefs.notice(
        "open drawer 1",
        "You open the drawer 1. The drawer 1 is open. In it, you see a cd 2, and a pen 1.",
    )
    assert beliefs.places == {"cd 2": "drawer 1", "pen 1": "drawer 1"}

    beliefs.notice("take cd 2 from drawer 1", "You pick up the cd 2 from the drawer 1.")
    assert (beliefs.holding, beliefs.places) == ("cd 2", {"pen 1": "drawer 1"})


def test_the_teacher_solves_unseen_games_of_every_type_within_thirty_steps():
    tasks = generate(count=60, split="valid_unseen", seed=11)
    habits = habits_of(generate(count=120, split="train", seed=11))

    solved = [_solves(task, habits) for task in tasks]

    assert sum(solved) >= 54


def test_the_teacher_follows_a_right_plan_without_a_detour():
    tasks = generate(count=30, split="valid_unseen", seed=12)

    steps = [_steps(task, {}, task.payload["walkthrough"]) for task in tasks]

    shortest = [len(task.payload["walkthrough"]) for task in tasks]
    assert sum(count <= least + 1 for count, least in zip(steps, shortest, strict=True)) >= 27


def test_wrong_advice_names_another_place_than_the_right_one():
    walkthrough = ["go to drawer 1", "take cd 1 from drawer 1", "go to safe 1"]
    places = ["drawer 1", "drawer 2", "safe 1"]

    advice = make_advice("wrong", Chore("cd", "safe"), walkthrough, places, random.Random(1))

    assert "take cd 1 from drawer 1" not in advice.plan
    assert len(advice.plan) == 3


def test_a_tour_goes_on_with_the_chore_as_if_its_last_place_held_the_thing():
    chore = Chore("cd", "safe")

    tours = [make_advice("tour", chore, FETCH, PLACES, random.Random(n)) for n in range(50)]

    for advice in tours:
        visits = [line for line in advice.plan if line.startswith("go to ")][:-1]
        assert len(set(visits)) == len(visits) >= 2
        assert advice.plan[-3] == f"take cd 1 from {visits[-1].removeprefix('go to ')}"
        assert advice.plan[-2:] == ("go to safe 1", "move cd 1 to safe 1")
        assert advice.memory[0].startswith(UNSEEN_MISTAKE)
    leads_by = sum("go to drawer 1" in advice.plan for advice in tours)
    assert 20 <= leads_by <= 45


def test_after_failed_tours_the_last_reflection_may_know_the_place():
    drawn = [
        make_advice("tours", Chore("cd", "safe"), FETCH, PLACES, random.Random(n))
        for n in range(40)
    ]

    assert {len(advice.memory) for advice in drawn} == {2, 3}
    known = [advice for advice in drawn if list(advice.plan) == FETCH]
    assert all(advice.memory[-1].startswith(MISTAKE) for advice in known)
    assert 5 <= len(known) <= 30


def test_a_touring_teacher_opens_what_it_passes_and_drops_a_wrong_guess():
    beliefs = Beliefs.from_room(ROOM)
    plan = ["go to drawer 1", "go to drawer 2", "take cd 1 from drawer 2", "go to safe 1"]
    player = Player(Chore("cd", "safe"), beliefs, {}, plan, touring=True)
    walks = ["go to drawer 1", "go to drawer 2", "go to shelf 1", "go to safe 1"]
    answers = {
        "go to drawer 1": "The drawer 1 is closed.",
        "open drawer 1": "The drawer 1 is open. In it, you see nothing.",
        "go to drawer 2": "The drawer 2 is closed.",
        "open drawer 2": "The drawer 2 is open. In it, you see nothing.",
    }

    for expected, answer in answers.items():
        doors = [f"open {place}" for place in beliefs.closed if place == beliefs.here]
        action = player.act([*walks, *doors])
        assert action == expected
        player.notice(action, answer)

    assert player.act(walks) == "go to shelf 1"


def test_the_teacher_sees_a_tour_through_and_goes_on_by_itself():
    drawn = [one for one in lessons(80, 9, TOURING, 26) if one.advice in ("tour", "tours")]

    assert len(drawn) > 20
    assert sum(lesson.success for lesson in drawn) >= 0.8 * len(drawn)


def test_the_same_seed_gives_the_same_lessons():
    assert list(lessons(8, 5)) == list(lessons(8, 5))
    assert list(lessons(8, 5)) != list(lessons(8, 6))


def test_shares_of_advice_add_up_to_one():
    for shares in (FOLLOWING, SEARCHING, TOURING):
        assert sum(shares.values()) == pytest.approx(1.0)


def test_only_the_teachers_own_actions_are_learned():
    lesson = next(lesson for lesson in lessons(30, 5) if not all(lesson.learned))

    sequence = tokenise(lesson, LetterEncoder())

    text = "".join(map(chr, sequence.tokens))
    learned = "".join(
        letter for letter, counts in zip(text, sequence.learned, strict=True) if counts
    )
    own = [step.action for step, kept in zip(lesson.steps, lesson.learned, strict=True) if kept]
    assert learned == "".join(f"{action}<|im_end|>" for action in own)
    assert text.endswith("<|im_end|>")


def _solves(task, habits):
    return _steps(task, habits, ()) <= 30


def _steps(task, habits, plan):
    env = AlfworldEnv()
    observation, info = env.reset(task)
    player = Player(read_chore(task.goal), Beliefs.from_room(observation), habits, list(plan))
    for count in range(1, 31):
        action = player.act(info.admissible_actions)
        transition = env.step(action)
        player.notice(action, transition.observation)
        info = transition.info
        if transition.terminated:
            return count
    return 31
