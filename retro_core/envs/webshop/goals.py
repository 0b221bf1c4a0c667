"""What a customer wants: goals in the official order, from human or made-up instructions."""

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retro_core.envs.webshop.products import Product, RawRecord
from retro_core.errors import InvalidInput

GOAL_ORDER_SEED = 233
PRICE_STEPS = tuple(10.0 * step for step in range(1, 100))  # dollars
PRICE_STEPS_OFFERED = 4
NO_PRICE_LIMIT = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Goal:
    """The product that was meant, and what of it the instruction asks for."""

    asin: str
    category: str
    query: str
    name: str
    product_category: str
    instruction: str
    attributes: tuple[str, ...]
    options: tuple[str, ...]
    price_upper: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for a task's payload."""
        return asdict(self)


def goal_from_json(values: Mapping[str, Any]) -> Goal:
    """Read a goal from a task's payload. Raises InvalidInput if something is missing."""
    try:
        return Goal(
            **{
                **values,
                "attributes": tuple(values["attributes"]),
                "options": tuple(values["options"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"The task's goal is incomplete: {error}.") from error


def human_goals(
    products: Iterable[tuple[Product, float, Sequence[RawRecord]]], rng: random.Random
) -> Iterator[Goal]:
    """Goals written by people; `products` gives each product, its price, its instructions."""
    for product, price, instructions in products:
        for instruction in instructions:
            attributes = tuple(instruction["instruction_attributes"])
            if not attributes:
                continue
            text = instruction["instruction"].strip(".")
            options = tuple(instruction["instruction_options"])
            limit, price_text = price_limit(price, rng)
            yield _goal(product, text + price_text, attributes, options, limit)


def synthetic_goals(
    products: Iterable[tuple[Product, float, RawRecord]], rng: random.Random
) -> Iterator[Goal]:
    """Goals made from the attribute file: one for every combination of options."""
    for product, price, record in products:
        text = record.get("instruction")
        if text is None:
            continue
        attributes = tuple(record["instruction_attributes"])
        limit, price_text = price_limit(price, rng)
        names = sorted(product.options)
        for values in itertools.product(*(product.options[name] for name in names)):
            chosen = ", and ".join(
                f"{name}: {value}" for name, value in zip(names, values, strict=True)
            )
            with_options = f" with {chosen}" if chosen else ""
            yield _goal(product, text + with_options + price_text, attributes, values, limit)


def price_limit(price: float, rng: random.Random) -> tuple[float, str]:
    """Choose a limit above the price, and the words that say it."""
    above = [step for step in PRICE_STEPS if step > price][:PRICE_STEPS_OFFERED]
    if len(above) < 2:
        return NO_PRICE_LIMIT, ""
    limit = max(rng.sample(above, 2))
    return limit, f", and price lower than {limit:.2f} dollars"


def in_official_order(goals: Iterable[Goal]) -> list[Goal]:
    """Shuffle as the original does, so that goal numbers mean the same thing."""
    ordered = list(goals)
    random.Random(GOAL_ORDER_SEED).shuffle(ordered)
    return ordered


def _goal(
    product: Product,
    instruction: str,
    attributes: tuple[str, ...],
    options: tuple[str, ...],
    limit: float,
) -> Goal:
    return Goal(
        asin=product.asin,
        category=product.category,
        query=product.query,
        name=product.name,
        product_category=product.product_category,
        instruction=instruction,
        attributes=attributes,
        options=options,
        price_upper=limit,
    )
