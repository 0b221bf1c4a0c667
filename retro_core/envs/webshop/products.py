"""A product as the shop shows it, made from one record of the official catalogue files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_ASIN = 10
PRICE_WHERE_UNKNOWN = 100.0  # dollars
NO_RATING = "N.A."
NO_ATTRIBUTES = ("DUMMY_ATTR",)

RawRecord = Mapping[str, Any]  # one JSON record of the official files


@dataclass(frozen=True, slots=True)
class Review:
    """What a buyer wrote."""

    title: str
    score: str
    body: str


@dataclass(frozen=True, slots=True)
class Product:
    """`prices` holds one price in dollars, or the ends of a range."""

    asin: str
    name: str
    category: str
    query: str
    product_category: str
    description: str
    bullet_points: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]]
    attributes: tuple[str, ...]
    prices: tuple[float, ...]
    price_tag: str
    rating: str = NO_RATING
    reviews: tuple[Review, ...] = ()

    def search_text(self) -> str:
        """What the search engine indexes: name, description, first bullet point, options."""
        options = ", and ".join(
            f"{name}: {', '.join(values)}" for name, values in self.options.items()
        )
        first_point = self.bullet_points[0] if self.bullet_points else ""
        return f"{self.name} {self.description} {first_point} {options}".lower()


def is_listed(asin: str) -> bool:
    """Whether the shop takes the record: the official files hold some broken numbers."""
    return asin != "nan" and len(asin) <= LONGEST_ASIN


def parse_product(
    raw: RawRecord, attributes: RawRecord | None = None, feedback: RawRecord | None = None
) -> Product:
    """Read a catalogue record, its attribute record and its review record.

    Raises KeyError, TypeError, ValueError or AttributeError if they are not of the official form.
    """
    prices, price_tag = parse_prices(raw.get("pricing"))
    points = raw.get("small_description")
    return Product(
        asin=str(raw["asin"]),
        name=_text(raw["name"], "name"),
        category=str(raw["category"]),
        query=_text(raw["query"], "query").lower().strip(),
        product_category=_text(raw["product_category"], "product_category"),
        description=_text(raw.get("full_description") or "", "full_description"),
        bullet_points=_texts(points if isinstance(points, list) else [points or ""]),
        options=parse_options(raw.get("customization_options") or {}),
        attributes=_texts((attributes or {}).get("attributes", NO_ATTRIBUTES)),
        prices=prices,
        price_tag=price_tag,
        rating=str((feedback or {}).get("average_rating", NO_RATING)),
        reviews=tuple(_parse_review(review) for review in (feedback or {}).get("reviews", ())),
    )


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"its {name} is no text: {value!r:.80}")
    return value


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(_text(value, "description or attribute") for value in values)


def parse_prices(pricing: str | None) -> tuple[tuple[float, ...], str]:
    """Read "$7.00" or "$7.00 to $9.50" into prices in dollars and the tag that is shown."""
    found = [float(re.sub(r"[^\d.]", "", part)) for part in (pricing or "").split("$")[1:]]
    prices = tuple(found[:2]) or (PRICE_WHERE_UNKNOWN,)
    return prices, " to ".join(f"${price}" for price in prices)


def parse_options(raw: Mapping[str, list[RawRecord] | None]) -> dict[str, tuple[str, ...]]:
    """Read the customisation options; a slash would end the path of a page's address."""
    return {
        name.lower(): tuple(
            choice["value"].strip().replace("/", " | ").lower() for choice in choices
        )
        for name, choices in raw.items()
        if choices is not None
    }


def _parse_review(raw: RawRecord) -> Review:
    score = raw["score"] if "score" in raw else raw.get("stars", "")
    return Review(str(raw.get("title", "")), str(score), str(raw.get("review", "")))
