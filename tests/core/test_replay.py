"""The replay buffer and what training takes of it."""

from dataclasses import replace

from retro_core.replay import Preference, preferences, split_by_task
from retro_core.types import RatedReflection


def item(task: str, text: str, rating: float, prompt: str = "x") -> RatedReflection:
    return RatedReflection(task, "doors", 1, prompt, text, rating)


def test_a_split_keeps_tasks_whole_and_stays_when_the_buffer_grows():
    items = [item(f"t{n}", f"{n}-{k}", 0.0) for n in range(200) for k in range(2)]

    training, held = split_by_task(items, held_share=0.25, seed=3)
    _, grown = split_by_task([*items, item("t999", "new", 0.0)], held_share=0.25, seed=3)

    assert len(training) + len(held) == 400
    assert not {one.task_id for one in training} & {one.task_id for one in held}
    assert 60 <= len(held) <= 140
    assert [one for one in grown if one.task_id != "t999"] == held


def test_the_same_id_in_another_environment_moves_no_task():
    doors = [item(f"t{n}", "plan", 0.0) for n in range(40)]
    shop = [replace(one, environment="shop") for one in doors]

    training, held = split_by_task([*doors, *shop], held_share=0.25, seed=3)

    alone = [split_by_task(items, held_share=0.25, seed=3) for items in (doors, shop)]
    assert held == [*alone[0][1], *alone[1][1]]
    assert training == [*alone[0][0], *alone[1][0]]
    assert {one.task_id for one in alone[0][1]} != {one.task_id for one in alone[1][1]}


def test_preferences_pair_reflections_to_the_same_prompt_by_rating():
    items = [
        item("a", "good", 1.0),
        item("a", "bad", -0.5),
        item("a", "as bad", -0.5),
        item("b", "other", 0.0, "y"),
    ]

    assert preferences(items) == [
        Preference("x", "good", "bad", 1.5),
        Preference("x", "good", "as bad", 1.5),
    ]
