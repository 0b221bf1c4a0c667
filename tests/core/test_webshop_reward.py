"""The reward of a purchase, part by part."""

import pytest

from retro_core.envs.webshop.nouns import approximate_nouns
from retro_core.envs.webshop.reward import (
    count_attributes,
    count_options,
    match_type,
    plain_colour,
    purchase_reward,
    resembles,
)
from tests.core.webshop_shop import lamp, lamp_goal


def test_a_purchase_that_fits_in_everything_earns_one() -> None:
    reward = purchase_reward(
        lamp("A0", "Oak Lamp"),
        20.0,
        {"colour": "green", "size": "small"},
        lamp_goal(),
        approximate_nouns,
    )

    assert reward.total == 1.0


@pytest.mark.parametrize(
    ("price", "options", "expected"),
    [
        (20.0, {"colour": "green"}, 3 / 4),  # 1 attribute + 1 of 2 options + price, of 4
        (31.0, {"colour": "green", "size": "small"}, 3 / 4),
        (31.0, {}, 1 / 4),
        (30.0, {"size": "large"}, 2 / 4),  # a price equal to the limit fits
    ],
)
def test_each_wish_that_is_missed_costs_its_share(
    price: float, options: dict[str, str], expected: float
) -> None:
    product = lamp("A0", "Oak Lamp")

    assert (
        purchase_reward(product, price, options, lamp_goal(), approximate_nouns).total == expected
    )


def test_another_kind_of_thing_scales_the_whole_reward() -> None:
    product = lamp("A9", "Grey Chair", query="chairs", product_category="Toys")
    options = {"colour": "green", "size": "small"}

    reward = purchase_reward(product, 20.0, options, lamp_goal(), approximate_nouns)

    assert reward.type_match.score == 0.0
    assert reward.total == 0.0


@pytest.mark.parametrize(
    ("bought", "path", "score"),
    [
        ("Oak Lamp Deluxe", "Toys", 1.0),  # 2 of 2 nouns
        ("Blue Oak Bench", "Toys", 1.0),  # 1 of 2
        ("Blue Bench", "Toys", 0.0),
        ("Blue Bench", "Home \u203a Lighting", 0.0),  # no common noun weighs more than the shelf
    ],
)
def test_type_is_judged_by_names_and_shelves(bought: str, path: str, score: float) -> None:
    product = lamp("A9", bought, query="other", product_category=path)

    assert match_type(product, lamp_goal(), approximate_nouns).score == score


def test_few_common_nouns_on_a_foreign_shelf_halve_or_quench_the_reward() -> None:
    bench = lamp("A9", "Oak", query="other", product_category="Toys")
    six = lamp_goal(name="Oak Lamp Kit Set Box Bag")  # 1 of 6 nouns
    eleven = lamp_goal(name="Oak B C D E F G H I J K")  # 1 of 11

    assert match_type(bench, six, approximate_nouns).score == 0.5
    assert match_type(bench, eleven, approximate_nouns).score == 0.1


@pytest.mark.parametrize(
    ("paths", "match"),
    [(("b", "c", "a"), True), (("a", "d", "b"), True), (("a", "a", "d"), False), (("d",), False)],
)
def test_two_shared_shelves_in_any_order_make_a_category_match(
    paths: tuple[str, ...], match: bool
) -> None:
    goal = lamp_goal(product_category="a \u203a b \u203a c")
    product = lamp("A9", "Oak", product_category=" \u203a ".join(paths))

    assert match_type(product, goal, approximate_nouns).category_match is match


def test_attributes_are_found_in_the_list_or_in_the_texts() -> None:
    product = lamp(
        "A9",
        "Shampoo",
        full_description="Made with natural ingredients",
        small_description=["Oils"],
    )

    found = count_attributes(product, ["dimmable lights", "natural ingredients", "tea tree"])

    assert found == 2


def test_options_match_in_any_order_by_words_and_by_plain_colour() -> None:
    assert count_options(["pack of 12", "grey", "XL"], ["grey", "XL", "pack of 12"]) == 3
    assert count_options(["powder snow"], ["cool powder snow"]) == 1
    assert count_options(["navy blue stripes"], ["blue"]) == 1
    assert count_options([], ["grey"]) == 0


def test_a_colour_is_the_first_of_the_list_that_occurs() -> None:
    assert plain_colour("dark olive") == "dark"
    assert plain_colour("smoked peppered") == "red"
    assert plain_colour("xl") == "xl"


def test_phrases_resemble_each_other_as_sets_of_words() -> None:
    assert resembles("essential oil", "essential oils")
    assert resembles("2-Pack", "pack 2")
    assert not resembles("tea bag", "tea tree")


@pytest.mark.parametrize(
    ("name", "nouns"),
    [
        ("adidas Unisex-Adult Issue 2 Shoe", ("adidas", "unisex", "adult", "issue", "shoe")),
        ("UL Listed 2 Prong Cord for 4K Bar", ("ul", "prong", "cord", "bar")),
        ("soft heated blanket", ("blanket",)),
    ],
)
def test_nouns_of_a_name_are_what_word_lists_leave(name: str, nouns: tuple[str, ...]) -> None:
    assert approximate_nouns(name) == nouns
