"""A shopping session with every page in full: pagination, marked buttons, search at any time."""

import re
from dataclasses import dataclass, field
from typing import Literal

from retro_core.envs.webshop.catalogue import Catalogue
from retro_core.envs.webshop.goals import Goal
from retro_core.envs.webshop.nouns import NounFinder
from retro_core.envs.webshop.outcome import Outcome
from retro_core.envs.webshop.pages import (
    BACK,
    BUY,
    NEXT,
    PREVIOUS,
    SUB_PAGES,
    Node,
    Page,
    done_page,
    item_page,
    results_page,
    search_page,
    sub_page,
)
from retro_core.envs.webshop.reward import purchase_reward

ACTION = re.compile(r"(.+)\[(.+)\]")
SEARCH_BUTTON = "search"

Form = Literal["text", "text_rich"]
PageKind = Literal["search", "results", "item", "sub", "done"]


@dataclass(slots=True)
class _Visit:
    """Where the customer is, and what was clicked since the last search page."""

    kind: PageKind = "search"
    query: str = ""
    page_number: int = 1
    asin: str = ""
    sub_page: str = ""
    chosen: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class RichSession:
    """One customer with one goal. An action that fits nothing leaves the page as it is."""

    def __init__(
        self, catalogue: Catalogue, goal: Goal, nouns: NounFinder, form: Form = "text_rich"
    ) -> None:
        self._catalogue, self._goal, self._nouns, self._form = catalogue, goal, nouns, form
        self._visit = _Visit()
        self._score = 0.0
        self.purchase = ""

    def start(self) -> str:
        """Open the shop and read the search page."""
        self._visit = _Visit()
        return self._read()

    def act(self, action: str) -> Outcome:
        """Search or click; letter case does not matter in what is clicked."""
        found = ACTION.match(action)
        name, argument = (found[1], found[2].lower()) if found else (action, "")
        if name == "search" and argument:
            seen = self._visit.seen
            self._visit = _Visit(kind="results", query=argument, seen=seen)
            return Outcome(self._read())
        node = self._clickable_nodes().get(argument)
        if name != "click" or node is None or argument == SEARCH_BUTTON:
            return Outcome(self._read(), understood=False)
        return self._click(node)

    def clickable(self) -> tuple[str, ...]:
        if self._visit.kind == "search":
            return ()
        return tuple(self._clickable_nodes())

    def _clickable_nodes(self) -> dict[str, Node]:
        """Buttons and products by their text in lower case; options, which are so already."""
        return {node.text.lower(): node for node in self._page() if node.kind != "text"}

    def _click(self, node: Node) -> Outcome:
        visit = self._visit
        if node.kind == "product":
            visit.kind, visit.asin = "item", node.text
            visit.seen.add(node.text)
        elif node.kind == "option":
            visit.chosen[node.option_name] = node.text
        elif node.text == BUY:
            return self._buy()
        else:
            self._press(node.text)
        return Outcome(self._read())

    def _press(self, button: str) -> None:
        visit = self._visit
        if button == BACK:
            self._visit = _Visit()
        elif button in SUB_PAGES:
            visit.kind, visit.sub_page = "sub", button
        elif button == NEXT:
            visit.page_number += 1
        elif button == PREVIOUS and visit.kind == "results":
            visit.page_number -= 1
        elif visit.kind == "sub":
            visit.kind = "item"
        else:
            visit.kind, visit.chosen = "results", {}

    def _buy(self) -> Outcome:
        visit = self._visit
        product, price = self._catalogue.by_asin(visit.asin), self._catalogue.price(visit.asin)
        reward = purchase_reward(product, price, visit.chosen, self._goal, self._nouns)
        options = ", ".join(visit.chosen.values())
        self.purchase = f"{visit.asin} ({options})" if options else visit.asin
        visit.kind, self._score = "done", reward.total
        return Outcome(self._read(), reward.total, done=True)

    def _read(self) -> str:
        page = self._page()
        if self._form == "text":
            return " [SEP] ".join(node.text.strip() for node in page)
        chosen = frozenset(self._visit.chosen.values())
        return rich_text(page, chosen, frozenset(self._visit.seen))

    def _page(self) -> Page:
        visit = self._visit
        if visit.kind == "search":
            return search_page(self._goal)
        if visit.kind == "results":
            found = self._catalogue.search(visit.query)
            return results_page(self._goal, found, visit.page_number)
        if visit.kind == "done":
            return done_page(self._score)
        product = self._catalogue.by_asin(visit.asin)
        if visit.kind == "sub":
            return sub_page(self._goal, product, visit.sub_page)
        return item_page(self._goal, product)


def rich_text(page: Page, chosen: frozenset[str], seen: frozenset[str]) -> str:
    """The page as text: one line a node, buttons marked, the choices so far at the top."""
    choices: list[str] = []
    lines: list[str] = []
    for node in page:
        if node.kind == "option" and node.text in chosen:
            choices.insert(0, f"You have clicked {node.text}.\n")
        lines.append(_rich_line(node, clicked=node.text in chosen | seen) + "\n")
    return "".join(choices + lines)


def _rich_line(node: Node, *, clicked: bool) -> str:
    if node.kind == "text":
        return node.text
    if node.kind == "button":
        return f"[button] {node.text} [button_]"
    before = "  " if node.kind == "option" else "\n"
    mark = "clicked button" if clicked else "button"
    return f"{before}[{mark}] {node.text} [{mark}_]"
