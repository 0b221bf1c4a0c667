"""A shopping session as the ReAct agent sees it: three products a page, options in brackets."""

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
    SCORE_LABEL,
    SUB_PAGES,
    Page,
    item_page,
    results_page,
    search_page,
    sub_page,
)
from retro_core.envs.webshop.reward import purchase_reward

INVALID = "Invalid action!"
PRODUCTS_SHOWN = 3
HIDDEN_TEXTS = 2  # pages after the first do not repeat the instruction

PageKind = Literal["search", "results", "item", "sub", "done"]


@dataclass(slots=True)
class _Visit:
    """Where the customer is. A new search begins a new visit."""

    kind: PageKind = "search"
    query: str = ""
    asin: str = ""
    sub_page: str = ""
    chosen: dict[str, str] = field(default_factory=dict)
    option_names: dict[str, str] = field(default_factory=dict)  # value to name, of the last item
    asins: frozenset[str] = frozenset()


class ReactSession:
    """One customer with one goal, from the search page to the purchase."""

    def __init__(self, catalogue: Catalogue, goal: Goal, nouns: NounFinder) -> None:
        self._catalogue, self._goal, self._nouns = catalogue, goal, nouns
        self._visit = _Visit()
        self.purchase = ""

    def start(self) -> str:
        """Open the shop and read the search page."""
        self._visit = _Visit()
        return self._read()

    def act(self, action: str) -> Outcome:
        """Search or click. A thought changes nothing, and the page is read again."""
        if action.startswith("think["):
            return Outcome(self._read())
        if action.startswith("search["):
            return self._search(action[len("search[") : -1])
        if action.startswith("click["):
            return self._click(action[len("click[") : -1])
        return _refusal()

    def clickable(self) -> tuple[str, ...]:
        """What can be clicked on this page, of the things it shows."""
        if self._visit.kind == "search":
            return ()
        shown = [node for node in self._page() if node.kind != "text" and node.text != NEXT]
        products = [node for node in shown if node.kind == "product"][PRODUCTS_SHOWN:]
        return tuple(node.text for node in shown if node not in products)

    def _search(self, query: str) -> Outcome:
        if self._visit.kind != "search":
            return _refusal()
        self._visit = _Visit(kind="results", query=query)
        return Outcome(self._read())

    def _click(self, button: str) -> Outcome:
        visit = self._visit
        if button == BUY:
            return self._buy()
        if button == BACK:
            return self._go_back_to_search()
        if button == PREVIOUS:
            return self._go_back()
        if button in SUB_PAGES:
            return self._open_sub_page(button)
        if button == NEXT or visit.kind == "done":
            return _refusal()
        if visit.kind == "results":
            return self._open_item(button)
        if visit.kind == "item":
            return self._choose(button)
        return Outcome(self._read(), understood=False)

    def _buy(self) -> Outcome:
        visit = self._visit
        if visit.kind != "item":
            return _refusal()
        product, price = self._catalogue.by_asin(visit.asin), self._catalogue.price(visit.asin)
        reward = purchase_reward(product, price, visit.chosen, self._goal, self._nouns)
        options = ", ".join(visit.chosen.values())
        self.purchase = f"{visit.asin} ({options})" if options else visit.asin
        visit.kind = "done"
        return Outcome(f"{SCORE_LABEL}: {reward.total}", reward.total, done=True)

    def _go_back_to_search(self) -> Outcome:
        if self._visit.kind in {"search", "done"}:
            return _refusal()
        self._visit = _Visit()
        return Outcome(self._read())

    def _go_back(self) -> Outcome:
        visit = self._visit
        if visit.kind == "sub":
            visit.kind = "item"
        elif visit.kind == "item":
            visit.kind, visit.chosen = "results", {}
        else:
            return _refusal()
        return Outcome(self._read())

    def _open_sub_page(self, name: str) -> Outcome:
        if self._visit.kind != "item":
            return _refusal()
        self._visit.kind, self._visit.sub_page = "sub", name
        return Outcome(self._read())

    def _open_item(self, asin: str) -> Outcome:
        if asin not in self._visit.asins:
            return _refusal()
        self._visit.kind, self._visit.asin = "item", asin
        return Outcome(self._read())

    def _choose(self, value: str) -> Outcome:
        name = self._visit.option_names.get(value)
        if name is None:
            return _refusal()
        self._visit.chosen[name] = value
        return Outcome(f"You have clicked {value}.")

    def _read(self) -> str:
        """Read the page, and remember what on it can be clicked."""
        visit, page = self._visit, self._page()
        names = {node.text: node.option_name for node in page if node.kind == "option"}
        asins = frozenset(node.text for node in page if node.kind == "product")
        visit.option_names = names or visit.option_names
        visit.asins = asins or visit.asins
        address = f"{visit.query}/{visit.chosen}"
        return without_escapes(react_text(page, address, first_page=visit.kind == "search"))

    def _page(self) -> Page:
        visit = self._visit
        if visit.kind == "search":
            return search_page(self._goal)
        if visit.kind == "results":
            found = self._catalogue.search(visit.query)
            return results_page(self._goal, found, number=1)
        product = self._catalogue.by_asin(visit.asin)
        if visit.kind == "sub":
            return sub_page(self._goal, product, visit.sub_page)
        return item_page(self._goal, product)


def _refusal() -> Outcome:
    return Outcome(INVALID, understood=False)


def react_text(page: Page, address: str, *, first_page: bool) -> str:
    """The page as text. An option whose quoted value stands in `address` is chosen already."""
    lines: list[str] = []
    texts = products = 0
    for node in page:
        if node.kind == "product":
            products += 1
        if products > PRODUCTS_SHOWN:
            break
        hidden = node.kind == "text" and texts < HIDDEN_TEXTS and not first_page
        texts += node.kind == "text"
        if not hidden:
            lines.append(_react_line(node.kind, node.text, chosen=f"'{node.text}'" in address))
    return "".join(lines)


def _react_line(kind: str, text: str, *, chosen: bool) -> str:
    if kind == "option":
        return f"[[{text}]]" if chosen else f"[{text}]"
    return f"\n{text} " if kind == "text" else f"\n[{text}] "


def without_escapes(text: str) -> str:
    """Turn written-out escapes (a backslash and a letter) into the characters they mean."""
    if "\\" not in text:
        return text
    try:
        return text.encode().decode("unicode-escape").encode("latin1").decode()
    except UnicodeError:
        return text
