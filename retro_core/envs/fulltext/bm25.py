"""An immutable BM25 index whose ranking equals Lucene's, bit for bit."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retro_core.envs.fulltext.analysis import english_terms

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

FREE_LENGTHS = 24  # lengths that Lucene's one-byte code keeps exact
DOCS_PER_CHUNK = 20_000
LOOKUP_COSTS = 8  # looking a document up in a term's list, against adding the list's next entry
PRUNING_MARGIN = 1e-4  # far above the rounding of a sum, far below a difference that matters


@dataclass(frozen=True, slots=True)
class Bm25Settings:
    """Term saturation and length normalisation, both without unit (Anserini's defaults)."""

    k1: float = 0.9
    b: float = 0.4


@dataclass(frozen=True, slots=True)
class _Postings:
    """One term: its documents in ascending order, 1 + frequency x norm of each, its weight."""

    docs: Ints
    saturations: Floats
    weight: np.float32
    highest_score: float

    def scores(self, picked: slice | NDArray[np.intp] = slice(None)) -> Floats:
        scores: Floats = self.weight - self.weight / self.saturations[picked]
        return scores


class Bm25Index:
    """Named texts, numbered from 0 in the order given. Safe to share between threads."""

    def __init__(
        self, documents: Iterable[tuple[str, str]], settings: Bm25Settings = Bm25Settings()
    ) -> None:
        counted = _count_terms(documents)
        self.size = len(counted.lengths)
        self._name_ranks = _ranks(counted.names)
        self._vocabulary = counted.vocabulary
        self._starts, self._docs, self._saturations = _posting_lists(counted, settings)
        self._peaks = (
            np.maximum.reduceat(self._saturations, self._starts[:-1])
            if len(self._saturations)
            else np.zeros(0, np.float32)
        )
        self._docs_with_terms = sum(length > 0 for length in counted.lengths)

    def search(self, query: str, limit: int) -> list[int]:
        """The numbers of the best documents, best first; equal scores in order of their names."""
        postings = self._postings_of(query)
        if not postings:
            return []
        totals = np.zeros(self.size, np.float64)
        candidates = _accumulate(postings, totals, limit)
        return self._best(candidates, totals[candidates].astype(np.float32), limit)

    def _best(self, docs: NDArray[np.intp], scores: Floats, limit: int) -> list[int]:
        if len(docs) > limit:
            least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
            docs, scores = docs[scores >= least], scores[scores >= least]
        order = np.lexsort((self._name_ranks[docs], -scores))[:limit]
        return [int(doc) for doc in docs[order]]

    def _postings_of(self, query: str) -> list[_Postings]:
        counts = Counter(english_terms(query))
        known = [(self._vocabulary[t], n) for t, n in counts.items() if t in self._vocabulary]
        postings = [self._weighted(term, count) for term, count in known]
        return sorted(postings, key=lambda posting: -posting.highest_score)

    def _weighted(self, term: int, count: int) -> _Postings:
        start, end = int(self._starts[term]), int(self._starts[term + 1])
        frequency = end - start
        rarity = (self._docs_with_terms - frequency + 0.5) / (frequency + 0.5)
        weight = np.float32(count) * np.float32(np.log(1 + rarity))
        highest = float(weight - weight / self._peaks[term])
        return _Postings(self._docs[start:end], self._saturations[start:end], weight, highest)


def _accumulate(
    postings: list[_Postings], totals: NDArray[np.float64], limit: int
) -> NDArray[np.intp]:
    """Add the scores of every term that can matter; return the documents that may be best.

    Terms come strongest first. As soon as no unseen document can reach the `limit` best, only
    seen ones that still can are candidates, and fewer with every further term.
    """
    still_to_come = sum(posting.highest_score for posting in postings)
    candidates: NDArray[np.intp] | None = None
    for posting in postings:
        if candidates is None or len(posting.docs) < LOOKUP_COSTS * len(candidates):
            totals[posting.docs] += posting.scores()
        else:
            _add_for(candidates, posting, totals)
        still_to_come -= posting.highest_score
        reached = _reached_by(totals[posting.docs if candidates is None else candidates], limit)
        least = reached - still_to_come - PRUNING_MARGIN
        if candidates is not None:
            candidates = candidates[totals[candidates] >= least]
        elif least > 0:
            candidates = np.flatnonzero(totals >= least)
    return np.flatnonzero(totals) if candidates is None else candidates


def _reached_by(totals: NDArray[np.float64], limit: int) -> float:
    """A score that at least `limit` documents have, 0 if there are fewer."""
    if len(totals) < limit:
        return 0.0
    return float(np.partition(totals, len(totals) - limit)[len(totals) - limit])


def _add_for(candidates: NDArray[np.intp], posting: _Postings, totals: NDArray[np.float64]) -> None:
    places = np.searchsorted(posting.docs, candidates.astype(np.int32))
    places[places == len(posting.docs)] = 0
    hits = posting.docs[places] == candidates
    totals[candidates[hits]] += posting.scores(places[hits])


@dataclass(slots=True)
class _Counted:
    """The terms of all documents while an index is built: one block per chunk of documents."""

    names: list[str]
    vocabulary: dict[str, int]
    lengths: "array[int]"
    blocks: list[tuple[Ints, Ints, NDArray[np.uint16]]]  # terms, documents, frequencies


def _ranks(names: list[str]) -> Ints:
    order = sorted(range(len(names)), key=names.__getitem__)
    ranks = np.empty(len(names), np.int32)
    ranks[order] = np.arange(len(names), dtype=np.int32)
    return ranks


def _count_terms(documents: Iterable[tuple[str, str]]) -> _Counted:
    counted = _Counted([], {}, array("i"), [])
    terms, lengths = array("i"), array("i")
    vocabulary = counted.vocabulary
    for name, text in documents:
        counted.names.append(name)
        found = english_terms(text)
        terms.extend([vocabulary.setdefault(term, len(vocabulary)) for term in found])
        lengths.append(len(found))
        if len(lengths) == DOCS_PER_CHUNK:
            _close_block(counted, terms, lengths)
            terms, lengths = array("i"), array("i")
    _close_block(counted, terms, lengths)
    return counted


def _close_block(counted: _Counted, terms: "array[int]", lengths: "array[int]") -> None:
    per_doc = np.asarray(lengths, np.int64)
    docs = np.repeat(np.arange(len(per_doc)), per_doc)
    keys = np.asarray(terms, np.int64) * DOCS_PER_CHUNK + docs
    distinct, frequencies = np.unique(keys, return_counts=True)
    first_doc = len(counted.lengths)
    counted.blocks.append(
        (
            (distinct // DOCS_PER_CHUNK).astype(np.int32),
            (distinct % DOCS_PER_CHUNK + first_doc).astype(np.int32),
            np.minimum(frequencies, np.iinfo(np.uint16).max).astype(np.uint16),
        )
    )
    counted.lengths.extend(lengths)


def _posting_lists(
    counted: _Counted, settings: Bm25Settings
) -> tuple[NDArray[np.int64], Ints, Floats]:
    """Where each term's list starts, and all lists end to end (documents, saturations)."""
    terms = len(counted.vocabulary)
    sizes = sum(
        (np.bincount(block[0], minlength=terms) for block in counted.blocks),
        start=np.zeros(terms, np.int64),
    )
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    docs = np.empty(starts[-1], np.int32)
    saturations = np.empty(starts[-1], np.float32)
    norms = _inverse_norms(np.asarray(counted.lengths, np.int64), settings)
    free = starts[:-1].copy()
    while counted.blocks:
        block_terms, block_docs, frequencies = counted.blocks.pop(0)
        here = np.bincount(block_terms, minlength=terms)
        before = np.cumsum(here) - here
        places = free[block_terms] + np.arange(len(block_terms)) - before[block_terms]
        docs[places] = block_docs
        saturations[places] = np.float32(1) + frequencies.astype(np.float32) * norms[block_docs]
        free += here
    return starts, docs, saturations


def _inverse_norms(lengths: NDArray[np.int64], settings: Bm25Settings) -> Floats:
    """1 / (k1 x ((1 - b) + b x length / mean length)), in Lucene's order of float operations."""
    counted = max(int(np.count_nonzero(lengths)), 1)
    mean = np.float32(max(lengths.sum() / counted, 1e-9))
    k1, b, one = np.float32(settings.k1), np.float32(settings.b), np.float32(1)
    by_code = one / (k1 * ((one - b) + b * _kept_lengths().astype(np.float32) / mean))
    norms: Floats = by_code[_length_codes(lengths)]
    return norms


def _kept_lengths() -> NDArray[np.int64]:
    """The length that each of Lucene's 256 codes stands for: exact, then four bits of it."""
    rest = np.arange(256 - FREE_LENGTHS)
    bits, shift = rest & 7, (rest >> 3) - 1
    coarse = np.where(shift < 0, bits, (bits | 8) << np.maximum(shift, 0))
    return np.concatenate([np.arange(FREE_LENGTHS), FREE_LENGTHS + coarse])


def _length_codes(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = np.searchsorted(_kept_lengths(), lengths, side="right") - 1
    return codes
