"""What a visitor reads on each page of the shop: a flat list of texts, buttons and links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from retro_core.envs.webshop.goals import Goal
from retro_core.envs.webshop.products import Product

BUY, BACK, NEXT, PREVIOUS = "Buy Now", "Back to Search", "Next >", "< Prev"
SUB_PAGES = ("Description", "Features", "Reviews", "Attributes")
SUB_PAGES_SHOWN = SUB_PAGES[:3]
PRODUCTS_PER_PAGE = 10
SCORE_LABEL = "Your score (min 0.0, max 1.0)"

Kind = Literal["text", "button", "option", "product"]


@dataclass(frozen=True, slots=True)
class Node:
    """One visible piece of a page. `option_name` says which choice an option belongs to."""

    kind: Kind
    text: str
    option_name: str = ""


Page = tuple[Node, ...]


def search_page(goal: Goal) -> Page:
    """The start: the instruction and the search box."""
    lines = ("WebShop", "Instruction: ", goal.instruction)
    return (*_texts(lines), Node("button", "Search"))


def results_page(goal: Goal, found: Sequence[Product], number: int) -> Page:
    """Ten of the products that were found; `number` is the 1-based page."""
    shown = found[(number - 1) * PRODUCTS_PER_PAGE : number * PRODUCTS_PER_PAGE]
    head = (*_instruction(goal), Node("button", BACK))
    title = _texts((f"Page {number} (Total results: {len(found)})",))
    back = (Node("button", PREVIOUS),) if number > 1 else ()
    rows = (node for product in shown for node in _result(product))
    return (*head, *title, *back, Node("button", NEXT), *rows)


def _result(product: Product) -> Page:
    return (Node("product", product.asin), *_texts((product.name, product.price_tag)))


def item_page(goal: Goal, product: Product) -> Page:
    """One product with its options and the button to buy it."""
    options = (node for name, values in product.options.items() for node in _option(name, values))
    facts = (product.name, f"Price: {product.price_tag}", f"Rating: {product.rating}")
    buttons = (Node("button", name) for name in (*SUB_PAGES_SHOWN, BUY))
    return (*_head(goal), *options, *_texts(facts), *buttons)


def _option(name: str, values: Iterable[str]) -> Page:
    choices = (Node("option", value, name) for value in values if value.strip())
    return (*_texts((name,)), *choices)


def sub_page(goal: Goal, product: Product, name: str) -> Page:
    """The description, features, reviews or attributes of a product."""
    return (*_head(goal), *_texts(_sub_page_lines(product, name)))


def _sub_page_lines(product: Product, name: str) -> Iterable[str]:
    if name == "Description":
        return (product.description,)
    if name == "Features":
        return (f" {point}" for point in product.bullet_points)
    if name == "Reviews":
        reviews = ((f'"{one.title}"', one.score, one.body) for one in product.reviews)
        return (line for lines in reviews for line in lines)
    place = (product.category, product.query, product.product_category)
    return (*(f" {attribute}" for attribute in product.attributes), *place)


def done_page(score: float) -> Page:
    """The end: what the purchase was worth."""
    return _texts(("Thank you for shopping with us!", SCORE_LABEL, str(score)))


def _head(goal: Goal) -> Page:
    return (*_instruction(goal), Node("button", BACK), Node("button", PREVIOUS))


def _instruction(goal: Goal) -> Page:
    return _texts(("Instruction:", goal.instruction))


def _texts(lines: Iterable[str]) -> Page:
    """Blank texts are not part of a page."""
    return tuple(Node("text", line) for line in lines if line.strip())
