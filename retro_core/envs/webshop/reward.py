"""The reward of a purchase: type x (attributes + options + price) / (all that was asked + 1)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.utils import default_process

from retro_core.envs.webshop.goals import Goal
from retro_core.envs.webshop.nouns import NounFinder
from retro_core.envs.webshop.products import Product

FUZZY_MATCH_ABOVE = 85  # of 100
CATEGORY_SEPARATOR = "\u203a"
LATIN_1_EXTRAS = dict.fromkeys(range(128, 256))

# The first of these that occurs in an option stands for the whole of it.
COLOURS = (
    "alabaster", "apricot", "aqua", "ash", "asphalt", "azure", "banana", "beige", "black", "blue",
    "blush", "bordeaux", "bronze", "brown", "burgundy", "camel", "camo", "caramel", "champagne",
    "charcoal", "cheetah", "chestnut", "chocolate", "christmas", "coffee", "cognac", "copper",
    "coral", "cranberry", "cream", "crystal", "dark", "denim", "eggplant", "elephant", "espresso",
    "fuchsia", "gold", "granite", "grape", "graphite", "grass", "gray", "green", "grey",
    "heather", "indigo", "ivory", "ivy", "khaki", "lavender", "lemon", "leopard", "light",
    "lilac", "lime", "magenta", "maroon", "mauve", "merlot", "midnight", "mint", "mocha",
    "multicolor", "mushroom", "mustard", "natural", "navy", "nude", "olive", "orange", "peach",
    "pewter", "pink", "plum", "purple", "rainbow", "red", "rose", "royal", "rust", "sand",
    "sapphire", "seashell", "silver", "skull", "slate", "steel", "stone", "stonewash",
    "sunflower", "tan", "taupe", "teal", "tiger", "turquoise", "violet", "walnut", "wheat",
    "white", "wine", "yellow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeMatch:
    """How far the purchase is the kind of thing that was asked for; `score` is 0 to 1."""

    score: float
    query_match: bool
    category_match: bool
    title_score: float


@dataclass(frozen=True, slots=True)
class Reward:
    """`total` is 1.0 exactly when everything fits. `option_share` is None without options."""

    total: float
    type_match: TypeMatch
    attribute_share: float
    option_share: float | None
    price_fits: bool


def purchase_reward(
    product: Product, price: float, options: Mapping[str, str], goal: Goal, nouns: NounFinder
) -> Reward:
    """Rate a purchase at `price` dollars with the chosen `options` (name to value)."""
    type_match = match_type(product, goal, nouns)
    attributes = count_attributes(product, goal.attributes)
    chosen = count_options(options.values(), goal.options)
    fits = price <= goal.price_upper
    asked = len(goal.attributes) + len(goal.options) + 1
    return Reward(
        total=(attributes + chosen + fits) / asked * type_match.score,
        type_match=type_match,
        attribute_share=attributes / len(goal.attributes) if goal.attributes else 0.0,
        option_share=chosen / len(goal.options) if goal.options else None,
        price_fits=fits,
    )


def match_type(product: Product, goal: Goal, nouns: NounFinder) -> TypeMatch:
    """Compare search query, category path and nouns of the name."""
    query_match = product.query == goal.query
    shared = _categories(product.product_category) & _categories(goal.product_category)
    category_match = len(shared) >= 2
    wanted = nouns(goal.name)
    found = set(nouns(product.name)) & set(wanted)
    title_score = len(found) / len(wanted) if wanted else 0.2
    score = 1.0 if query_match or category_match or title_score > 0.2 else 0.5
    if title_score < 0.1:
        score = 0.1
    if title_score == 0.0:
        score = 0.0
    return TypeMatch(score, query_match, category_match, title_score)


def _categories(path: str) -> set[str]:
    return {part.strip() for part in path.split(CATEGORY_SEPARATOR)}


def count_attributes(product: Product, wanted: Sequence[str]) -> int:
    """How many wanted attributes the product has: listed, or named in its texts."""
    return sum(
        any(resembles(own, attribute) for own in product.attributes)
        or _is_mentioned(attribute, product)
        for attribute in wanted
    )


def count_options(chosen: Iterable[str], wanted: Sequence[str]) -> int:
    """How many wanted options were chosen, colours by their plain name."""
    plain = [plain_colour(value) for value in chosen]
    return sum(any(resembles(own, plain_colour(want)) for own in plain) for want in wanted)


def plain_colour(value: str) -> str:
    """The first known colour in an option, or the option itself."""
    return next((colour for colour in COLOURS if colour in value), value)


def resembles(one: str, other: str) -> bool:
    """Fuzzy equality of two phrases as sets of words."""
    score = fuzz.token_set_ratio(_plain(one), _plain(other))
    return round(score) > FUZZY_MATCH_ABOVE


def _plain(phrase: str) -> str:
    return default_process(phrase.translate(LATIN_1_EXTRAS))


def _is_mentioned(phrase: str, product: Product) -> bool:
    return (
        phrase in product.name.lower()
        or phrase in " ".join(product.bullet_points).lower()
        or phrase in product.description.lower()
    )
