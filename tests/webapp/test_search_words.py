"""What a person types, as a query and as marks."""

import pytest

from webapp.search.excerpts import excerpt, marked
from webapp.search.words import parse


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("mug", "('mug')"),
        ("Red Mug", "('red') & ('mug')"),
        ('"red mug"', "('red' <-> 'mug')"),
        ("mug*", "('mug':*)"),
        ('"red mu*"', "('red' <-> 'mu':*)"),
        ("mug -cup", "('mug') & !('cup')"),
        ("search[red mug]", "('search' <-> 'red') & ('mug')"),
        ("e*", "('e')"),
        ("B09-ABC", "('b09' <-> 'abc')"),
        ("' & | ! :* ()", ""),
        ('"never closed', "('never' <-> 'closed')"),
    ],
)
def test_words_become_a_query_that_the_database_reads(typed: str, query: str) -> None:
    assert parse(typed).as_query() == query


def test_a_weight_keeps_each_word_to_one_text() -> None:
    assert parse('"red mug*"').as_query("B") == "('red':B <-> 'mug':*B)"


@pytest.mark.parametrize(("typed", "says"), [("mug -cup", True), ("-cup", False), ("", False)])
def test_exclusions_alone_ask_for_nothing(typed: str, says: bool) -> None:
    assert parse(typed).says_something is says


def test_no_more_than_twelve_terms_are_read() -> None:
    assert len(parse("a1 " * 40).terms) == 12


def test_an_excerpt_marks_whole_words_and_escapes_the_rest() -> None:
    pattern = parse("mug -cup").pattern()

    assert marked("<b>Mug</b>, mugs, cup", pattern) == (
        "&lt;b&gt;<mark>Mug</mark>&lt;/b&gt;, mugs, cup"
    )


def test_a_prefix_marks_to_the_end_of_the_word() -> None:
    assert marked("mugs and smug", parse("mug*").pattern()) == "<mark>mugs</mark> and smug"


def test_an_excerpt_begins_near_the_first_match() -> None:
    text = "wall " * 100 + "the mug " + "door " * 100

    found = excerpt(text, parse("mug").pattern())

    assert found.startswith("… wall")
    assert found.endswith(" …")
    assert "the <mark>mug</mark> door" in found
    assert len(found) < 360
