"""A shop of four products, small enough to know by heart."""

from retro_core.envs.webshop.catalogue import Catalogue, ProductList
from retro_core.envs.webshop.goals import Goal
from retro_core.envs.webshop.products import Product, parse_product

PATH = "Home \u203a Lighting \u203a Lamps"


def lamp(asin: str, name: str, pricing: str = "$20.00", **changed: object) -> Product:
    raw = {
        "asin": asin,
        "name": name,
        "category": "home",
        "query": "Desk Lamp ",
        "product_category": PATH,
        "pricing": pricing,
        "full_description": "A lamp.",
        "small_description": ["Bright light", "Made of steel"],
        "customization_options": {
            "Colour": [{"value": "Red/Blue"}, {"value": "green"}],
            "size": [{"value": "small"}, {"value": "large"}],
        },
        **changed,
    }
    return parse_product(raw, {"attributes": ["dimmable light"]})


def small_shop() -> Catalogue:
    names = ["Oak Lamp", "Pine Lamp", "Elm Lamp", "Ash Lamp"]
    return Catalogue(ProductList(lamp(f"A{n}", name) for n, name in enumerate(names)))


def lamp_goal(**changed: object) -> Goal:
    values = {
        "asin": "A0",
        "category": "home",
        "query": "desk lamp",
        "name": "Oak Lamp",
        "product_category": PATH,
        "instruction": "i want a dimmable oak lamp, green, small",
        "attributes": ("dimmable light",),
        "options": ("green", "small"),
        "price_upper": 30.0,
        **changed,
    }
    return Goal(**values)  # type: ignore[arg-type]
