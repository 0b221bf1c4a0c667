"""Official question files, and the 100 questions that published runs report on."""

import json
from pathlib import Path

import pytest

from retro_core.envs.hotpotqa.env import HotpotQaEnv
from retro_core.envs.hotpotqa.official import listed_tasks, official_tasks
from retro_core.envs.hotpotqa.pages import pages_from_paragraphs
from retro_core.envs.hotpotqa.questions import SPLITS, generate
from retro_core.errors import InvalidInput
from retro_core.types import Task

HUNDRED = Path(__file__).resolve().parents[2] / "../shared/data/hotpot100.jsonl"

needs_hundred = pytest.mark.skipif(
    not HUNDRED.is_file(), reason="the 100 questions (shared data) are not on this machine"
)

OFFICIAL = {
    "_id": "5a",
    "question": "Which is older?",
    "answer": "Ash",
    "type": "comparison",
    "level": "hard",
    "supporting_facts": [["Ash", 0], ["Elm", 1], ["Ash", 1]],
    "context": [["Ash", ["Ash is old.", " Very."]], ["Elm", ["Elm is young."]]],
}


def answer_perfectly(task: Task) -> bool:
    env = HotpotQaEnv()
    env.reset(task)
    for title in task.payload["supporting_titles"]:
        found = env.step(f"Search[{title}]")
        assert not found.observation.startswith("Could not find"), title
        assert found.observation
    return env.step(f"Finish[{task.payload['answer']}]").info.success


def test_an_official_file_becomes_tasks(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_train_v1.1.json"
    path.write_text(json.dumps([OFFICIAL, {**OFFICIAL, "_id": "5b"}]))

    tasks = list(official_tasks(path))

    assert [task.id for task in tasks] == ["hotpotqa-5a", "hotpotqa-5b"]
    assert tasks[0].split == "train"
    assert tasks[0].task_type == "comparison"
    assert tasks[0].payload["supporting_titles"] == ["Ash", "Elm"]
    assert tasks[0].payload["paragraphs"][0] == {
        "title": "Ash",
        "sentences": ["Ash is old.", " Very."],
    }
    assert answer_perfectly(tasks[0])


def test_the_split_follows_the_file_name_or_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([OFFICIAL]))

    assert next(official_tasks(path)).split == "valid_unseen"
    assert next(official_tasks(path, split="mine")).split == "mine"


def test_questions_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([OFFICIAL, {"_id": "bad"}]))

    tasks = official_tasks(path)

    assert next(tasks).id == "hotpotqa-5a"
    with pytest.raises(
        InvalidInput, match=r"hotpot_dev_distractor_v1\.json, row 2: the question has no 'question'"
    ):
        next(tasks)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(json.dumps(OFFICIAL) + "\nnonsense\n")

    with pytest.raises(InvalidInput, match=r"some\.jsonl, row 2: not JSON"):
        list(official_tasks(path))


def test_bad_questions_are_listed_and_the_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([{"_id": "x"}, OFFICIAL, 7]))

    listed = list(listed_tasks(path))

    assert [(one.number, one.task is None) for one in listed] == [(1, True), (2, False), (3, True)]
    assert listed[0].problem == "the question has no 'question'"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"answer": None}, "its answer is no text, or empty"),
        ({"answer": " "}, "its answer is no text, or empty"),
        ({"question": 5}, "its question is no text, or empty"),
        ({"context": [["Ash"]]}, "not enough values to unpack"),
    ],
)
def test_a_question_without_words_is_listed_as_bad(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([OFFICIAL | changed, OFFICIAL]))

    bad, good = listed_tasks(path)

    assert reason in bad.problem
    assert good.task is not None


def test_a_line_of_lists_without_end_is_listed_as_bad(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text("[" * 100_000 + "]" * 100_000 + "\n" + json.dumps(OFFICIAL))

    bad, good = listed_tasks(path)

    assert bad.problem.startswith("not JSON")
    assert good.task is not None


def test_after_broken_json_nothing_more_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(f"[{json.dumps(OFFICIAL)}, {{broken, {json.dumps(OFFICIAL)}]")

    good, bad = listed_tasks(path)

    assert good.task is not None
    assert (bad.number, bad.problem[:42]) == (2, "hotpot_dev_distractor_v1.json: broken JSON")


@needs_hundred
def test_a_perfect_actor_answers_all_of_the_hundred_questions() -> None:
    tasks = list(official_tasks(HUNDRED))

    assert len(tasks) == 100
    assert sum(map(answer_perfectly, tasks)) == 100


@needs_hundred
def test_title_search_over_all_paragraphs_finds_every_supporting_page() -> None:
    tasks = list(official_tasks(HUNDRED))
    paragraphs = {
        paragraph["title"]: paragraph for task in tasks for paragraph in task.payload["paragraphs"]
    }
    pages = pages_from_paragraphs(list(paragraphs.values()))

    wanted = [title for task in tasks for title in task.payload["supporting_titles"]]
    found = [pages.find(title) for title in wanted]

    assert len(wanted) == 200
    assert [page.title if page else "" for page in found] == wanted


@pytest.mark.parametrize("split", SPLITS)
def test_a_perfect_actor_answers_every_generated_question(split: str) -> None:
    assert all(answer_perfectly(task) for task in generate(count=200, split=split, seed=5))


def test_no_question_is_in_two_splits() -> None:
    asked = [
        {task.goal for seed in (1, 2) for task in generate(count=400, split=split, seed=seed)}
        for split in SPLITS
    ]

    assert not asked[0] & asked[1]
    assert not (asked[0] | asked[1]) & asked[2]


def test_questions_of_one_split_are_asked_once() -> None:
    goals = [task.goal for task in generate(count=500, split="train", seed=1)]

    assert len(set(goals)) == 500


def test_both_kinds_of_question_are_asked() -> None:
    kinds = {task.task_type for task in generate(count=50, split="valid_unseen", seed=0)}

    assert kinds == {"bridge", "comparison"}
