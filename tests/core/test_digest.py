"""The digest of failed trials, and plans of hindsight that know no more than it."""

from dataclasses import replace
from random import Random

from retro_core.config import ExperimentConfig, ReflectionConfig
from retro_core.hindsight import MISTAKE, UNSEEN_MISTAKE, HindsightReflector, Searching
from retro_core.prompts.digest import digest_text, seen_in, unseen_in_prompt
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.texts import load_prompts
from retro_core.types import Episode, Message, Step, Task

HOUSE = load_prompts("alfworld")
SHOP = load_prompts("webshop")
CHORE = Task("chore-1", "alfworld", "put a clean mug in shelf.")
ROOM = "You see a cabinet 1, a cabinet 2, a countertop 1, a shelf 1, and a sinkbasin 1."
PLAN = ("go to cabinet 2", "open cabinet 2", "take mug 1 from cabinet 2", "go to shelf 1")
DIGEST = replace(ExperimentConfig(), reflection=ReflectionConfig(trajectory="digest"))


def failed(*steps: tuple[str, str], trial: int = 1) -> Episode:
    return Episode(
        task_id="chore-1",
        trial=trial,
        seed=0,
        head=(Message("user", ROOM),),
        steps=tuple(Step("", action, observation) for action, observation in steps),
        success=False,
        terminated=False,
        truncated=True,
        truncation_reason="step_cap",
    )


LOOKED = failed(
    ("go to cabinet 1", "You arrive at cabinet 1. The cabinet 1 is closed."),
    ("open cabinet 1", "The cabinet 1 is open. In it, you see nothing."),
    ("go to countertop 1", "On the countertop 1, you see a mug 2, and a pan 1."),
    ("take mug 2 from countertop 1", "You pick up the mug 2 from the countertop 1."),
    ("move mug 2 to shelf 1", "You move the mug 2 to the shelf 1."),
    ("look", "On the shelf 1, you see a mug 2."),
)


def test_a_thing_is_told_where_it_was_before_it_was_moved():
    seen = seen_in([LOOKED], HOUSE)

    assert seen.things == {"mug 2": "countertop 1", "pan 1": "countertop 1"}
    assert seen.unseen == ("cabinet 2", "sinkbasin 1")


def test_a_closed_place_is_not_looked_into():
    closed = failed(("go to cabinet 1", "You arrive at cabinet 1. The cabinet 1 is closed."))

    assert "cabinet 1" in seen_in([closed], HOUSE).unseen


def test_the_digest_tells_what_the_goal_speaks_of_and_nothing_else():
    assert digest_text(CHORE, [LOOKED], HOUSE) == (
        "Found: mug 2 at countertop 1.\n"
        "Looked into in vain: cabinet 1, shelf 1.\n"
        "Not looked into yet: cabinet 2, sinkbasin 1.\n"
        "Last commands: take mug 2 from countertop 1; move mug 2 to shelf 1; look."
    )


def test_a_digest_holds_what_all_trials_saw():
    second = failed(("go to sinkbasin 1", "On the sinkbasin 1, you see nothing."), trial=2)

    text = digest_text(CHORE, [LOOKED, second], HOUSE)

    assert "Found: mug 2 at countertop 1." in text
    assert "Not looked into yet: cabinet 2." in text


def test_a_prompt_with_a_digest_names_the_unseen_places_of_its_own_task():
    prompt = reflection_prompt(CHORE, [LOOKED], ["Go left."], DIGEST, HOUSE)

    assert unseen_in_prompt(prompt, HOUSE) == ("cabinet 2", "sinkbasin 1")
    assert "Go left." not in prompt
    assert "> look" not in prompt


def test_a_world_without_named_places_is_told_steps():
    task = Task("wish-1", "webshop", "a red mug")

    prompt = reflection_prompt(task, [LOOKED], [], DIGEST, SHOP)

    assert "> look" in prompt
    assert unseen_in_prompt(prompt, SHOP) == ()


def test_a_plan_looks_into_places_of_the_same_kind_before_the_one_it_could_not_know():
    unseen = ("shelf 2", "cabinet 1", "cabinet 2", "cabinet 3", "drawer 1")

    longer = Searching.of(HOUSE, most_lines=6).longer(PLAN, unseen, Random(0))

    assert sorted(longer[:2]) == ["go to cabinet 1", "go to cabinet 3"]
    assert longer[2:] == PLAN


def test_a_plan_that_finds_what_was_seen_stays_as_it_is():
    unseen = ("cabinet 1", "drawer 1")

    assert Searching.of(HOUSE, most_lines=12).longer(PLAN, unseen, Random(0)) == PLAN


def test_a_full_plan_gets_no_visits():
    assert (
        Searching.of(HOUSE, most_lines=4).longer(PLAN, ("cabinet 2", "drawer 1"), Random(0)) == PLAN
    )


def test_hindsight_knows_no_more_than_its_prompt():
    reflector = HindsightReflector(PLAN, HOUSE, most_lines=10)
    blind = reflection_prompt(CHORE, [LOOKED], [], DIGEST, HOUSE)
    told = reflection_prompt(CHORE, [LOOKED], [], ExperimentConfig(), HOUSE)

    assert reflector.reflect(blind, seed=1).text == (
        f"{UNSEEN_MISTAKE}\nPlan:\n1. go to sinkbasin 1\n2. go to cabinet 2\n3. open cabinet 2\n"
        "4. take mug 1 from cabinet 2\n5. go to shelf 1"
    )
    assert reflector.reflect(told, seed=1).text.startswith(f"{MISTAKE}\nPlan:\n1. go to cabinet 2")
