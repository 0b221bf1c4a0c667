"""Where pages come from: a task's own paragraphs, or the files of a corpus folder."""

import json
import threading
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

from retro_core.envs.fulltext.bm25 import Bm25Index
from retro_core.envs.json_records import JsonFile
from retro_core.errors import InvalidInput

CORPORA_KEPT = 4
SIMILAR_TITLES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """An article: one paragraph a line."""

    title: str
    text: str


class PageStore(Protocol):
    """Pages found by title, and titles of pages that a text resembles."""

    def find(self, title: str) -> Page | None: ...

    def similar(self, text: str) -> list[str]: ...


def title_key(title: str) -> str:
    """Titles that differ in case, accents, underscores or spaces only are the same."""
    plain = unicodedata.normalize("NFKD", title.replace("_", " "))
    letters = "".join(mark for mark in plain if not unicodedata.combining(mark))
    return " ".join(letters.casefold().split())


class GivenPages:
    """A handful of pages in memory."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._pages = tuple(pages)
        self._by_title = {title_key(page.title): page for page in reversed(self._pages)}

    def find(self, title: str) -> Page | None:
        return self._by_title.get(title_key(title))

    def similar(self, text: str) -> list[str]:
        found = self._index.search(text, SIMILAR_TITLES)
        return [self._pages[number].title for number in found]

    @cached_property
    def _index(self) -> Bm25Index:
        return Bm25Index((page.title, f"{page.title} {page.text}") for page in self._pages)


def pages_from_paragraphs(paragraphs: Sequence[Mapping[str, Any]]) -> GivenPages:
    """Pages of a task's payload: `title` with `text`, or with a list of `sentences`."""
    return GivenPages(_page(paragraph) for paragraph in paragraphs)


def _page(raw: Mapping[str, Any]) -> Page:
    try:
        text = raw["text"] if "text" in raw else "".join(raw["sentences"])
        return Page(raw["title"], text)
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"A page needs a title and a text or sentences: {error!r}.") from error


class CorpusPages:
    """The *.jsonl files of a folder, one page a line; texts are read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._files = [(path, JsonFile(path)) for path in sorted(folder.glob("*.jsonl"))]
        if not self._files:
            raise InvalidInput(f"{folder} holds no *.jsonl files with pages (title, text).")
        self._places = array("q")  # file, first byte, bytes of each page
        self._numbers: dict[str, int] = {}
        self._index = Bm25Index(self._documents())

    def find(self, title: str) -> Page | None:
        number = self._numbers.get(title_key(title))
        return None if number is None else self._read(number)

    def similar(self, text: str) -> list[str]:
        return [self._read(n).title for n in self._index.search(text, SIMILAR_TITLES)]

    def _read(self, number: int) -> Page:
        file, start, size = self._places[3 * number : 3 * number + 3]
        return _page(self._files[file][1].read(start, size))

    def _documents(self) -> Iterator[tuple[str, str]]:
        for file, (path, _) in enumerate(self._files):
            for page, start, size in _corpus_lines(path):
                self._numbers.setdefault(title_key(page.title), len(self._places) // 3)
                self._places.extend((file, start, size))
                yield page.title, f"{page.title} {page.text}"


def _corpus_lines(path: Path) -> Iterator[tuple[Page, int, int]]:
    start = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _corpus_page(line, f"{path.name} line {number}"), start, len(line)
            start += len(line)


def _corpus_page(line: bytes, place: str) -> Page:
    try:
        return _page(json.loads(line))
    except (ValueError, InvalidInput) as error:
        raise InvalidInput(f"{place}: {error}") from error


_loading = threading.Lock()


def load_corpus(folder: str) -> CorpusPages:
    """The pages of a folder, indexed once and shared between threads."""
    with _loading:
        stamps = [(path.stat().st_mtime_ns, path.stat().st_size) for path in _corpus_files(folder)]
        return _load_corpus(folder, tuple(stamps))


def _corpus_files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.jsonl"))


@lru_cache(CORPORA_KEPT)
def _load_corpus(folder: str, stamps: tuple[tuple[int, int], ...]) -> CorpusPages:
    """`stamps` is part of the key, so that a changed folder is read again."""
    return CorpusPages(Path(folder))
