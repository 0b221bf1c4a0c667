"""A shop of the project's own: products in the official schema, and goals for its customers."""

import itertools
import json
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from retro_core.envs.webshop.catalogue import Catalogue, ProductList
from retro_core.envs.webshop.goals import Goal, price_limit
from retro_core.envs.webshop.products import Product, RawRecord, parse_product
from retro_core.errors import InvalidInput
from retro_core.types import Task

CATALOGUE_SEED = 20230804
PRODUCTS_PER_KIND = 60
ATTRIBUTES_PER_PRODUCT = 4
ATTRIBUTES_PER_GOAL = 2
RANGE_SHARE = 0.2  # of products whose tag shows two prices
RANGE_WIDTH = 1.5  # the higher price over the lower one
VALID_SEEN_EVERY = 5  # every fifth product of the seen shop is kept for validation goals
SPLITS = ("train", "valid_seen", "valid_unseen")
ASIN_LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXZ"
WISHES = (
    "i am looking for {noun} that is {first} and {second}{options}{price}",
    "i want to buy {noun} with {first} and {second}{options}{price}",
    "please find me {noun}, {first}, {second}{options}{price}",
    "i need {noun} for a friend. it should be {first} and {second}{options}{price}",
)

_building = threading.Lock()


def generated_records(shop: str) -> list[tuple[RawRecord, RawRecord]]:
    """Catalogue and attribute record of every product of a shop ("seen" or "unseen")."""
    stock = _stock()
    if shop not in stock["shops"]:
        raise InvalidInput(f"No generated shop named {shop!r}; there are: seen, unseen.")
    rng = random.Random(f"{CATALOGUE_SEED}/{shop}")
    records = [
        _records(kind, stock, rng)
        for kind in stock["shops"][shop]
        for _ in range(PRODUCTS_PER_KIND)
    ]
    rng.shuffle(records)
    return records


def generated_catalogue(shop: str) -> Catalogue:
    """The shop of the project's own, built at its first use and kept."""
    with _building:
        return _catalogue(shop)


@cache
def _catalogue(shop: str) -> Catalogue:
    return Catalogue(ProductList(_products(shop)))


@cache
def _products(shop: str) -> tuple[Product, ...]:
    return tuple(parse_product(*records) for records in generated_records(shop))


@cache
def _stock() -> Any:  # the JSON file beside this one
    return json.loads(files(__package__).joinpath("stock.json").read_text(encoding="utf-8"))


def _records(
    kind: Mapping[str, Any], stock: Mapping[str, Any], rng: random.Random
) -> tuple[RawRecord, RawRecord]:
    attributes = rng.sample(kind["attributes"], ATTRIBUTES_PER_PRODUCT)
    brand, ending = rng.choice(stock["brands"]), rng.choice(stock["endings"])
    asin = "R" + "".join(rng.choices(ASIN_LETTERS, k=9))
    name = " ".join([brand, *attributes[:3], kind["noun"], ending]).title()
    note = rng.choice(stock["notes"])
    raw = {
        "asin": asin,
        "name": name,
        "category": kind["category"],
        "query": kind["query"],
        "product_category": kind["product_category"],
        "pricing": _price_tag(kind, rng),
        "full_description": f"A {kind['noun']} by {brand}: {', '.join(attributes)}. {note}",
        "small_description": [*(f"{one.capitalize()}" for one in attributes), note],
        "customization_options": {
            option: [{"value": value, "image": None} for value in _some(values, rng)]
            for option, values in kind["options"].items()
        },
        "images": [f"{asin}.jpg"],
    }
    return raw, {"attributes": attributes}


def _price_tag(kind: Mapping[str, Any], rng: random.Random) -> str:
    price = round(rng.uniform(kind["lowest_price"], kind["highest_price"]), 2)
    if rng.random() < RANGE_SHARE:
        return f"${price:.2f} to ${price * RANGE_WIDTH:.2f}"
    return f"${price:.2f}"


def _some(values: Sequence[str], rng: random.Random) -> list[str]:
    return rng.sample(values, rng.randint(2, len(values)))


def generate(*, count: int, split: str, seed: int) -> list[Task]:
    """Goals of one split. Train and valid_seen share a shop but no product to be found."""
    if split not in SPLITS:
        raise InvalidInput(f"WebShop has no split {split!r}; there are: {', '.join(SPLITS)}.")
    shop = "unseen" if split == "valid_unseen" else "seen"
    rng = random.Random(f"{seed}/{split}")
    goals = list(itertools.islice(_goals(_products_of(split, shop), shop, rng), count))
    if len(goals) < count:
        raise InvalidInput(f"The generated shop has {len(goals)} goals for {split}, not {count}.")
    return [
        Task(
            id=f"webshop-{split}-{seed}-{number}",
            environment="webshop",
            goal=goal.instruction,
            split=split,
            task_type=goal.category,
            payload={"catalogue": {"generated": shop}, "goal": goal.to_json()},
        )
        for number, goal in enumerate(goals)
    ]


def _products_of(split: str, shop: str) -> list[Product]:
    products = list(_products(shop))
    if split == "valid_unseen":
        return products
    kept = {"train": False, "valid_seen": True}[split]
    return [
        product
        for number, product in enumerate(products)
        if (number % VALID_SEEN_EVERY == 0) == kept
    ]


def _goals(products: list[Product], shop: str, rng: random.Random) -> Iterator[Goal]:
    """Go round the shuffled products; each round wants something else of the same product."""
    rng.shuffle(products)
    catalogue = generated_catalogue(shop)
    wishes = [(product, _wishes(product, rng)) for product in products]
    while wishes:
        remaining = []
        for product, left in wishes:
            attributes, options = left.pop()
            price, price_text = price_limit(catalogue.price(product.asin), rng)
            yield _goal(product, attributes, options, (price, price_text), rng)
            if left:
                remaining.append((product, left))
        wishes = remaining


Wish = tuple[tuple[str, ...], tuple[str, ...]]  # attributes, options


def _wishes(product: Product, rng: random.Random) -> list[Wish]:
    pairs = itertools.combinations(product.attributes, ATTRIBUTES_PER_GOAL)
    choices = list(itertools.product(*product.options.values()))
    wishes = [(pair, options) for pair in pairs for options in choices]
    rng.shuffle(wishes)
    return wishes


def _goal(
    product: Product,
    attributes: tuple[str, ...],
    options: tuple[str, ...],
    limit: tuple[float, str],
    rng: random.Random,
) -> Goal:
    noun = next(k["noun"] for k in _kinds() if k["query"] == product.query)
    instruction = rng.choice(WISHES).format(
        noun=noun,
        first=attributes[0],
        second=attributes[1],
        options="".join(f", {option}" for option in options),
        price=limit[1],
    )
    return Goal(
        asin=product.asin,
        category=product.category,
        query=product.query,
        name=product.name,
        product_category=product.product_category,
        instruction=instruction,
        attributes=attributes,
        options=options,
        price_upper=limit[0],
    )


def _kinds() -> Iterator[Mapping[str, Any]]:
    return itertools.chain.from_iterable(_stock()["shops"].values())


def write_official_files(shop: str, folder: Path) -> None:
    """Write a generated shop as official files, to try what reads those."""
    records = generated_records(shop)
    instructions = {
        raw["asin"]: [
            {
                "asin": raw["asin"],
                "instruction": f"i want {raw['query']} with {attributes['attributes'][0]}",
                "instruction_attributes": attributes["attributes"][:1],
                "instruction_options": [],
            }
        ]
        for raw, attributes in records
    }
    attributes = {raw["asin"]: record for raw, record in records}
    for name, content in (
        ("items_shuffle.json", [raw for raw, _ in records]),
        ("items_ins_v2.json", attributes),
        ("items_human_ins.json", instructions),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
