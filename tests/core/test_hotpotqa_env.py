"""Asking, searching, looking up and answering; every observation is written out."""

import json
from pathlib import Path

import pytest

from retro_core.envs.hotpotqa.answers import is_exact_match, normalise_answer, token_f1
from retro_core.envs.hotpotqa.env import FORM, HotpotQaEnv
from retro_core.envs.hotpotqa.pages import GivenPages, Page, load_corpus
from retro_core.errors import InvalidInput
from retro_core.types import Task

SHIP = {
    "title": "Morning Tide (ship)",
    "sentences": ["The ship was built in Wexholme.", " It carried mail.", " It sank in 1902."],
}
TOWN = {
    "title": "Wexhölme",
    "text": "One. Two. Three. Four. Five. The craft is pottery.\nPottery is sold at the gate.",
}


def question(**changed: object) -> Task:
    payload = {
        "question": "What is the town known for that built the Morning Tide?",
        "answer": "The Pottery",
        "paragraphs": [SHIP, TOWN],
        **changed,
    }
    kept = {name: value for name, value in payload.items() if value is not None}
    return Task(id="q", environment="hotpotqa", goal=str(payload["question"]), payload=kept)


@pytest.fixture
def env() -> HotpotQaEnv:
    made = HotpotQaEnv()
    made.reset(question())
    return made


def test_reset_asks_the_question() -> None:
    observation, info = HotpotQaEnv().reset(question())

    assert observation == "Question: What is the town known for that built the Morning Tide?"
    assert info.admissible_actions == ()


def test_search_reads_the_first_five_sentences_of_the_first_paragraph(env: HotpotQaEnv) -> None:
    assert env.step("Search[Wexhölme]").observation == "One. Two. Three. Four. Five."


@pytest.mark.parametrize("name", ["wexholme", "WEXHÖLME", " Wexholme ", "wexhölme"])
def test_titles_match_without_case_and_accents(env: HotpotQaEnv, name: str) -> None:
    assert env.step(f"search[{name}]").observation.startswith("One.")


def test_a_page_that_is_missing_is_answered_by_similar_titles(env: HotpotQaEnv) -> None:
    assert env.step("Search[Morning mail ship]").observation == (
        "Could not find [Morning mail ship]. Similar: ['Morning Tide (ship)']."
    )


def test_lookup_goes_through_the_sentences_one_by_one(env: HotpotQaEnv) -> None:
    env.step("Search[Wexholme]")

    found = [env.step("Lookup[pottery]").observation for _ in range(3)]

    assert found == [
        "(Result 1 / 2) The craft is pottery.",
        "(Result 2 / 2) Pottery is sold at the gate.",
        "No more results.",
    ]


def test_lookup_begins_again_with_a_new_word_or_a_new_page(env: HotpotQaEnv) -> None:
    env.step("Search[Wexholme]")
    first = env.step("Lookup[pottery]").observation
    env.step("Lookup[gate]")
    again = env.step("Lookup[Pottery]").observation
    env.step("Search[Wexholme]")

    assert again == first
    assert env.step("Lookup[pottery]").observation == first


def test_lookup_says_when_there_is_nothing(env: HotpotQaEnv) -> None:
    assert env.step("Lookup[pottery]").observation == "No page is open. Search for one first."
    env.step("Search[Wexholme]")
    assert env.step("Lookup[zebra]").observation == "No results."


def test_the_right_answer_succeeds_after_normalisation(env: HotpotQaEnv) -> None:
    end = env.step("Finish[pottery!]")

    assert end.observation == "Answer is CORRECT"
    assert (end.reward, end.terminated, end.info.success) == (1.0, True, True)
    assert end.info.final_answer == "pottery!"


def test_a_partly_right_answer_earns_its_f1(env: HotpotQaEnv) -> None:
    end = env.step("Finish[pottery and rope making]")

    assert end.observation == "Answer is INCORRECT"
    assert end.reward == pytest.approx(2 * (1 / 4) * 1 / (1 / 4 + 1))  # 0.4
    assert not end.info.success


def test_success_as_return_gives_nothing_for_a_partly_right_answer() -> None:
    env = HotpotQaEnv(returns="success")
    env.reset(question())

    assert env.step("Finish[pottery and rope making]").reward == 0.0


@pytest.mark.parametrize(
    "action", ["", "Search", "Search[]", "Finish[ ]", "look around", "Search(x)"]
)
def test_a_malformed_action_is_taught_the_form(env: HotpotQaEnv, action: str) -> None:
    answer = env.step(action)

    assert answer.observation == FORM
    assert answer.info.invalid_action
    assert not answer.terminated


@pytest.mark.parametrize(
    ("answer", "plain"),
    [("The  Cat's Pyjamas!", "cats pyjamas"), ("An apple a day", "apple day"), ("U.S.", "us")],
)
def test_answers_lose_case_articles_and_punctuation(answer: str, plain: str) -> None:
    assert normalise_answer(answer) == plain


@pytest.mark.parametrize(
    ("answer", "gold", "f1"),
    [
        ("red green", "red blue", 0.5),
        ("red red blue", "red", 0.5),  # precision 1/3, recall 1
        ("yes", "no", 0.0),
        ("yes indeed", "yes", 0.0),
        ("Yes.", "yes", 1.0),
        ("", "red", 0.0),
    ],
)
def test_token_f1_by_hand(answer: str, gold: str, f1: float) -> None:
    assert token_f1(answer, gold) == pytest.approx(f1)


def test_exact_match_is_not_containment() -> None:
    assert is_exact_match("the river Ash", "River ash")
    assert not is_exact_match("ash", "River ash")


def test_a_corpus_folder_is_searched_by_title_and_by_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(SHIP) + "\n\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(json.dumps(TOWN, ensure_ascii=False), encoding="utf-8")
    env = HotpotQaEnv()
    env.reset(question(paragraphs=None, pages={"corpus": str(tmp_path)}))

    assert env.step("Search[Wexholme]").observation.startswith("One.")
    assert env.step("Search[who sells pottery]").observation.endswith("Similar: ['Wexhölme'].")
    assert load_corpus(str(tmp_path)) is load_corpus(str(tmp_path))


def test_a_bad_corpus_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(json.dumps(SHIP) + "\n{not json}\n")

    with pytest.raises(InvalidInput, match=r"bad\.jsonl line 2"):
        load_corpus(str(tmp_path))


def test_of_two_pages_with_one_title_the_first_is_found() -> None:
    pages = GivenPages([Page("Ash", "A tree."), Page("ash", "A river.")])

    found = pages.find("ASH")

    assert found is not None
    assert found.text == "A tree."


@pytest.mark.parametrize(
    "changed",
    [
        {"answer": None},
        {"paragraphs": None},
        {"paragraphs": [{"title": "no text"}]},
        {"paragraphs": None, "pages": {"corpus": "/no/such/folder"}},
        {"paragraphs": None, "pages": {"world": "moon-1-0"}},
    ],
)
def test_a_task_without_question_or_pages_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        HotpotQaEnv().reset(question(**changed))
