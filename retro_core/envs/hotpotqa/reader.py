"""Reading a page: its first sentences, and the sentences that hold a keyword, one by one."""

import re

from retro_core.envs.hotpotqa.pages import Page

SENTENCES_SHOWN = 5
SENTENCE_BREAK = re.compile(r"(?<=\.) ")
NO_PAGE = "No page is open. Search for one first."
NO_RESULTS = "No results."
NO_MORE_RESULTS = "No more results."


def paragraphs_of(page: Page) -> list[list[str]]:
    """The sentences of each paragraph, split at every full stop before a space."""
    lines = (line.strip() for line in page.text.split("\n"))
    return [[one.strip() for one in SENTENCE_BREAK.split(line)] for line in lines if line]


class Reader:
    """The page that was opened last, and the keyword that is being looked up in it."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._keyword = ""
        self._hits: list[str] = []
        self._shown = 0

    def open(self, page: Page) -> str:
        """Open a page and read the beginning of its first paragraph."""
        paragraphs = paragraphs_of(page) or [[]]
        self._sentences = [sentence for paragraph in paragraphs for sentence in paragraph]
        self._keyword, self._hits, self._shown = "", [], 0
        return " ".join(paragraphs[0][:SENTENCES_SHOWN])

    def look_up(self, keyword: str) -> str:
        """The next sentence with the keyword; a new keyword begins at the top of the page."""
        if not self._sentences:
            return NO_PAGE
        wanted = keyword.lower()
        if wanted != self._keyword:
            self._keyword, self._shown = wanted, 0
            self._hits = [one for one in self._sentences if wanted in one.lower()]
        if not self._hits:
            return NO_RESULTS
        if self._shown == len(self._hits):
            return NO_MORE_RESULTS
        self._shown += 1
        return f"(Result {self._shown} / {len(self._hits)}) {self._hits[self._shown - 1]}"
