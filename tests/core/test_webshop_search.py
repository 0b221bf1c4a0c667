"""Search ranks as Lucene does; the numbers here are worked out by hand."""

from random import Random

import numpy as np
import pytest

from retro_core.envs.fulltext.analysis import english_terms
from retro_core.envs.fulltext.bm25 import Bm25Index
from retro_core.envs.fulltext.porter import porter_stem


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("agreed", "agre"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("sky", "sky"),
        ("relational", "relat"),
        ("analogi", "analog"),
        ("electrical", "electr"),
        ("adoption", "adopt"),
        ("rate", "rate"),
        ("controll", "control"),
        ("is", "is"),
        ("42mm", "42mm"),
    ],
)
def test_a_word_is_reduced_to_its_stem(word: str, stem: str) -> None:
    assert porter_stem(word) == stem


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Men's non-slip shoes", ["men", "non", "slip", "shoe"]),
        ("100x45x45cm, 1,000 pcs at 3.5 mm", ["100x45x45cm", "1,000", "pc", "3.5", "mm"]),
        ("D.o.n. Issue_2 a:b", ["d.o.n", "issue_2", "a:b"]),
        ("grey | white (2-pack)", ["grei", "white", "2", "pack"]),
        ("café's crème", ["café", "crème"]),
        ("__ -- ..", []),
        ("東京 tower", ["東", "京", "tower"]),
        ("poo 💩💩 fit® ★", ["poo", "💩", "💩", "fit", "®", "★"]),
        ("👩\u200d❤\ufe0f\u200d👩 🇸🇪🇫🇮", ["👩\u200d❤\ufe0f\u200d👩", "🇸🇪", "🇫🇮"]),
        ("x" * 300, ["x" * 255, "x" * 45]),
    ],
)
def test_a_text_becomes_terms(text: str, terms: list[str]) -> None:
    assert english_terms(text) == terms


def test_a_rarer_word_and_a_shorter_text_rank_higher() -> None:
    index = Bm25Index([("a", "red lamp"), ("b", "red red lamp lamp lamp lamp"), ("c", "blue lamp")])

    assert index.search("blue", 10) == [2]
    assert index.search("lamp", 10) == [1, 0, 2]
    assert index.search("lamp red", 2) == [1, 0]


def test_equal_scores_come_in_order_of_their_names() -> None:
    index = Bm25Index([("z", "tea"), ("b", "tea"), ("m", "tea"), ("a", "coffee")])

    assert index.search("tea", 2) == [1, 2]


def test_a_query_without_known_words_finds_nothing() -> None:
    index = Bm25Index([("a", "tea")])

    assert index.search("the and of", 5) == []
    assert index.search("zebra", 5) == []
    assert Bm25Index([]).search("tea", 5) == []


def test_a_score_is_weight_less_weight_over_saturation() -> None:
    index = Bm25Index([("a", "tea cup"), ("b", "cup")])

    (posting,) = index._postings_of("tea")

    idf = np.log(1 + (2 - 1 + 0.5) / (1 + 0.5))  # one of two documents: ln 2
    norm = 1 / (0.9 * ((1 - 0.4) + 0.4 * 2 / 1.5))  # two terms; mean length 1.5
    assert float(posting.scores()[0]) == pytest.approx(idf - idf / (1 + norm), rel=1e-6)


def test_lengths_above_forty_are_kept_in_four_bits() -> None:
    words = [f"w{number}" for number in range(47)]
    index = Bm25Index(
        [("a", " ".join(["tea", *words[:39]])), ("b", " ".join(["tea", *words[:40]]))]
    )

    (posting,) = index._postings_of("tea")

    assert posting.saturations[0] == posting.saturations[1]  # 40 and 41 share a code


def test_leaving_out_weak_terms_changes_no_ranking() -> None:
    rng = Random(3)
    words = [f"word{number}" for number in range(30)]
    weights = [1 / (1 + number) for number in range(30)]
    texts = [" ".join(rng.choices(words, weights, k=rng.randint(3, 25))) for _ in range(3000)]
    index = Bm25Index((f"{number:04}", text) for number, text in enumerate(texts))
    for _ in range(60):
        query = " ".join(rng.choices(words, k=rng.randint(1, 6)))
        totals = np.zeros(index.size)
        for posting in index._postings_of(query):
            totals[posting.docs] += posting.scores()
        scores = totals.astype(np.float32)
        ranked = sorted(np.flatnonzero(scores).tolist(), key=lambda doc: (-scores[doc], doc))

        assert index.search(query, 10) == ranked[:10]
