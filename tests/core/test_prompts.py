"""Prompt texts: the actor's head, the reflection prompt, and the structured form."""

import re
from dataclasses import replace

import pytest

from retro_core.config import EpisodeConfig, ExperimentConfig, ReflectionConfig
from retro_core.errors import InvalidInput
from retro_core.prompts.actor import head_messages, prompt_sha256
from retro_core.prompts.examples import example_turns
from retro_core.prompts.grammar import reflection_grammar, whole_lines
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.templates import reflector_text
from retro_core.prompts.texts import load_prompts
from retro_core.types import Episode, Message, Step, Task
from tests.toy_world import doors_prompts

HOUSE = load_prompts("alfworld")
CHORE = Task("chore-1", "alfworld", "put a clean plate in shelf.")
ROOM = "You see a shelf 1.\n\nYour task is to: put a clean plate in shelf."
FREE = ReflectionConfig(format="free", examples=0)


def failed(*steps: tuple[str, str], memory: tuple[str, ...] = ()) -> Episode:
    head = head_messages(CHORE, ROOM, memory, ExperimentConfig(), HOUSE)
    played = tuple(Step("", action, observation) for action, observation in steps)
    return Episode(CHORE.id, 1, 0, head, played, False, False, True, "step_cap")


def test_the_goal_is_not_said_twice():
    told = head_messages(CHORE, ROOM, (), ExperimentConfig(), HOUSE)
    untold = head_messages(CHORE, "You see a shelf 1.", (), ExperimentConfig(), HOUSE)

    assert told[-1].content == ROOM
    assert untold[-1].content == "Task: put a clean plate in shelf.\n\nYou see a shelf 1."


def test_trials_share_the_prompt_up_to_their_memory():
    first = head_messages(CHORE, ROOM, (), ExperimentConfig(), HOUSE)
    second = head_messages(CHORE, ROOM, ("Go left.", "Go right."), ExperimentConfig(), HOUSE)

    assert second[:-1] == first[:-1]
    assert second[-1].content == (
        f"{ROOM}\n\nNotes from earlier attempts at this task:\nGo left.\n\nGo right."
    )


@pytest.mark.parametrize("thoughts", [True, False])
@pytest.mark.parametrize("number", [1, 2])
def test_worked_examples_alternate_and_end_with_the_last_action(number: int, thoughts: bool):
    turns = example_turns(HOUSE.text(f"example_{number}"), with_thoughts=thoughts)

    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert turns[-1].content.startswith("Thought: ") == thoughts
    assert ("Action: " in turns[1].content) == thoughts


def test_an_example_in_another_form_is_refused():
    with pytest.raises(InvalidInput, match="must begin with 'Observation:'"):
        example_turns("Once upon a time\nAction: look", with_thoughts=True)


def test_a_missing_text_is_named():
    config = ExperimentConfig(episode=EpisodeConfig(examples=2))
    with pytest.raises(InvalidInput, match=r"'doors' lacks example_2\.txt"):
        head_messages(CHORE, ROOM, (), config, doors_prompts())
    with pytest.raises(InvalidInput, match="No prompt folder 'nowhere'"):
        load_prompts("nowhere")


def test_the_digest_of_a_prompt_is_that_of_its_canonical_json():
    # printf '[["user","h\u00e9"]]' | sha256sum
    expected = "9ff2ab7e359bc6d2ed00cfa7ccbf6565f6a47e07d765bcc5825f451f33b2f38e"

    assert prompt_sha256([Message("user", "hé")]) == expected


def test_the_reflection_prompt_holds_task_trajectory_earlier_reflections_and_ending():
    episode = failed(("go to shelf 1", "On the shelf 1, you see nothing."), memory=("Go left.",))

    prompt = reflection_prompt(
        CHORE, [episode], ["Go left."], ExperimentConfig(reflection=FREE), HOUSE
    )

    assert prompt == (
        f"{HOUSE.text('reflection_free')}\n\n"
        "Task: put a clean plate in shelf.\n\n"
        f"{ROOM}\n> go to shelf 1\nOn the shelf 1, you see nothing.\n\n"
        "Earlier reflections:\nGo left.\n\n"
        "Result: failed, the steps ran out.\n"
        "The task was: put a clean plate in shelf.\nReflection:"
    )


def test_a_long_trajectory_keeps_its_start_and_its_end():
    steps = [(f"go to drawer {n}", f"The drawer {n} is closed.") for n in range(100)]

    shown, gaps = shown_steps(steps)

    (gap,) = gaps
    assert len(shown) + gap == 100
    at_start = next(n for n in range(100) if n not in shown)
    at_end = len(shown) - at_start
    assert shown == [*range(at_start), *range(100 - at_end, 100)]
    assert at_start > 0 < at_end


def test_a_long_trajectory_keeps_what_was_seen_once_and_leaves_out_second_visits():
    steps = [(f"go to drawer {n}", "The drawer is closed.") for n in range(100)]
    steps[40] = ("go to drawer 40", "In it, you see a plate 1.")

    shown, gaps = shown_steps(steps)

    assert 40 in shown
    assert 99 in shown
    assert 1 not in shown  # the second closed drawer
    assert len(shown) + sum(gaps) == 100


def shown_steps(steps: list[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """The drawers that a reflection prompt of 400 tokens shows, and the counts of its gaps."""
    config = ExperimentConfig(reflection=replace(FREE, prompt_tokens=400))
    prompt = reflection_prompt(CHORE, [failed(*steps)], [], config, HOUSE)
    assert len(prompt) <= 400 * 3
    shown = [int(number) for number in re.findall(r"> go to drawer (\d+)", prompt)]
    gaps = re.findall(r"\[\.\.\. (\d+) steps left out \.\.\.\]", prompt)
    return shown, [int(count) for count in gaps]


def test_one_endless_observation_is_cut():
    config = ExperimentConfig(reflection=replace(FREE, prompt_tokens=400))

    prompt = reflection_prompt(CHORE, [failed(("look", "wall " * 5000))], [], config, HOUSE)

    assert len(prompt) <= 400 * 3
    assert "> look\nwall wall" in prompt


SHELF_SEEN = (("go to shelf 1", "On the shelf 1, you see a plate 2, and a cup (blue) 1."),)


@pytest.mark.parametrize("number", [1, 2])
def test_the_worked_reflections_match_the_grammar_of_their_own_episode(number: int):
    opening, *steps = HOUSE.text(f"reflection_example_{number}").split("\n> ")
    observations = [("", step.partition("\n")[2]) for step in steps]
    episode = replace(failed(*observations), head=(Message("user", opening),))

    grammar = reflection_grammar([episode], ExperimentConfig(), HOUSE)

    assert re.fullmatch(grammar, HOUSE.text(f"reflection_example_{number}_structured"))


def test_the_grammar_counts_its_lines_and_speaks_only_of_what_was_seen():
    config = ExperimentConfig(reflection=ReflectionConfig(plan_lines=2))
    grammar = reflection_grammar([failed(*SHELF_SEEN)], config, HOUSE)
    start = "Mistake: I did not look.\nPlan:\n1. go to shelf 1"

    assert re.fullmatch(grammar, start)
    assert re.fullmatch(grammar, f"{start}\n2. take plate 2 from shelf 1")
    assert not re.fullmatch(grammar, f"{start}\n3. look")
    assert not re.fullmatch(grammar, f"{start}\n2. look\n3. look")
    assert not re.fullmatch(grammar, f"{start}\n2. dance")
    assert not re.fullmatch(grammar, f"{start}\n2. take plate 1 from shelf 1")
    assert not re.fullmatch(grammar, f"{start}\n2. go to plate 2")
    assert not re.fullmatch(grammar, "Mistake: I did not look.\nPlan:")


def test_before_any_thing_was_seen_a_plan_can_only_explore():
    grammar = reflection_grammar([failed()], ExperimentConfig(), HOUSE)

    assert re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. open shelf 1")
    assert not re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. take cup 3 from shelf 1")


@pytest.mark.parametrize(
    ("goal", "things"),
    [
        ("put a clean plate in shelf", ["plate 2"]),
        ("find two mug and put them in shelf", ["mug 1"]),
        ("look at plate under the desklamp", ["plate 2", "desklamp 1"]),
        ("be happy", ["plate 2"]),
    ],
)
def test_a_plan_handles_only_what_the_goal_speaks_of(goal: str, things: list[str]):
    grammar = reflection_grammar([failed(*SHELF_SEEN)], ExperimentConfig(), HOUSE, goal)

    for thing in ("plate 2", "mug 1", "desklamp 1"):
        plan = f"Mistake: I froze up.\nPlan:\n1. take {thing} from shelf 1"
        assert bool(re.fullmatch(grammar, plan)) == (thing in things)


def test_a_line_that_the_token_limit_cut_is_left_out():
    grammar = reflection_grammar([failed(*SHELF_SEEN)], ExperimentConfig(), HOUSE)
    whole = "Mistake: I froze up.\nPlan:\n1. go to shelf 1"

    assert whole_lines(f"{whole}\n2. take pla", grammar) == whole
    assert whole_lines(whole, grammar) == whole
    assert whole_lines("Mistake: I", grammar) == "Mistake: I"


def test_without_any_name_a_plan_is_any_text():
    episode = replace(failed(), head=(Message("user", "It is dark."),))

    grammar = reflection_grammar([episode], ExperimentConfig(), HOUSE)

    assert re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. switch the light on")


def test_names_with_special_characters_are_taken_literally():
    prompts = replace(
        HOUSE, texts={**HOUSE.texts, "plan_name": r"\w+ \(\w+\)", "plan_command": "use $thing"}
    )
    episode = failed(("look", "A cup (blue)."))

    grammar = reflection_grammar([episode], ExperimentConfig(), prompts)

    assert re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. use cup (blue)")
    assert not re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. use cup blue")


def test_an_environment_without_forms_of_commands_has_plans_in_any_words():
    prompts = load_prompts("common")

    grammar = reflection_grammar([failed()], ExperimentConfig(), prompts)

    assert re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. Search[green doors]")
    assert not re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. a\n")


def test_an_environment_without_names_has_one_form_of_command():
    grammar = reflection_grammar([failed()], ExperimentConfig(), doors_prompts())

    assert re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. open green\n2. leave")
    assert not re.fullmatch(grammar, "Mistake: I froze up.\nPlan:\n1. sing")


def test_free_text_has_no_grammar():
    assert reflection_grammar([failed()], ExperimentConfig(reflection=FREE), HOUSE) == ""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "chatml",
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "llama3",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nx<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("none", "S\n\nx\n"),
    ],
)
def test_chat_templates_end_where_the_answer_begins(template, text: str):
    system = "You help an agent to learn from a failed attempt at a task."

    assert reflector_text("x", template) == text.replace("S", system, 1)
