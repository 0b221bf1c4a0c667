"""Reading the official catalogue files, and the shop that the project makes itself."""

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from retro_core.envs.listed import BadRecords
from retro_core.envs.webshop.catalogue import Catalogue
from retro_core.envs.webshop.env import WebShopEnv, open_catalogue
from retro_core.envs.webshop.generator import (
    SPLITS,
    generate,
    generated_catalogue,
    write_official_files,
)
from retro_core.envs.webshop.goals import price_limit
from retro_core.envs.webshop.official import (
    catalogue_digest,
    load_official,
    official_goals,
    official_tasks,
)
from retro_core.envs.webshop.products import parse_options, parse_prices
from retro_core.errors import InvalidInput
from retro_core.types import Task


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official")
    write_official_files("unseen", path)
    return path


def shop_perfectly(task: Task) -> float:
    env = WebShopEnv()
    env.reset(task)
    goal = task.payload["goal"]
    catalogue = open_catalogue(task.payload["catalogue"])
    name = catalogue.by_asin(goal["asin"]).name
    words = f"{name} {' '.join(goal['attributes'])} {' '.join(goal['options'])}"
    actions = [f"search[{words}]", f"click[{goal['asin']}]"]
    for action in (*actions, *(f"click[{one}]" for one in goal["options"]), "click[Buy Now]"):
        transition = env.step(action)
    assert transition.info.success == (transition.reward == 1.0)
    return transition.reward


@pytest.mark.parametrize("split", SPLITS)
def test_a_shopper_who_knows_the_product_succeeds_in_every_generated_task(split: str) -> None:
    tasks = generate(count=60, split=split, seed=3)

    assert [shop_perfectly(task) for task in tasks] == [1.0] * 60


def test_no_product_is_wanted_in_two_splits() -> None:
    wanted = {
        split: {
            task.payload["goal"]["asin"] for task in generate(count=400, split=split, seed=seed)
        }
        for seed, split in enumerate(SPLITS)
    }

    assert not wanted["train"] & wanted["valid_seen"]
    assert not (wanted["train"] | wanted["valid_seen"]) & wanted["valid_unseen"]


def test_goals_of_one_split_differ_from_each_other() -> None:
    tasks = generate(count=2000, split="train", seed=0)
    wishes = {(t.payload["goal"]["asin"], t.payload["goal"]["instruction"]) for t in tasks}

    assert len(wishes) >= 1990  # a limit may make two wishes read alike


def test_more_goals_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"has .* goals for valid_seen"):
        generate(count=1_000_000, split="valid_seen", seed=0)


def test_official_files_make_the_same_shop_as_the_records_in_memory(folder: Path) -> None:
    from_disk, in_memory = load_official(str(folder)), generated_catalogue("unseen")

    assert len(from_disk) == len(in_memory) == 360
    assert list(from_disk.asins()) == list(in_memory.asins())
    assert from_disk.product(17) == in_memory.product(17)
    assert from_disk.search("wool socks") == in_memory.search("wool socks")


def test_a_catalogue_is_built_once_for_all_threads(folder: Path) -> None:
    found: list[Catalogue] = []
    threads = [
        threading.Thread(target=lambda: found.append(load_official(str(folder)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({id(catalogue) for catalogue in found}) == 1


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    assert len(load_official(str(tmp_path))) == 360
    path = tmp_path / "items_shuffle.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:10]))

    assert len(load_official(str(tmp_path))) == 10


def test_official_goals_become_tasks_with_the_official_splits(folder: Path) -> None:
    tasks = list(official_tasks(str(folder)))

    assert len(tasks) == 360
    assert tasks[0].id == f"webshop-{catalogue_digest(str(folder))}-0"
    assert {task.split for task in tasks} == {"valid_unseen"}  # the first 500 goals
    assert shop_perfectly(tasks[0]) > 0


def test_two_catalogues_share_no_task_id_and_equal_files_share_all(
    folder: Path, tmp_path: Path
) -> None:
    for shop, name in (("unseen", "copy"), ("seen", "other")):
        (tmp_path / name).mkdir()
        write_official_files(shop, tmp_path / name)

    here, copy, other = (
        {task.id for task in official_tasks(str(place))}
        for place in (folder, tmp_path / "copy", tmp_path / "other")
    )

    assert here == copy
    assert not here & other


def test_synthetic_goals_take_every_combination_of_options(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    products = json.loads((tmp_path / "items_shuffle.json").read_text())[:1]
    asin = products[0]["asin"]
    instruction = {"instruction": "a pot", "instruction_attributes": ["frost proof"]}
    (tmp_path / "items_shuffle.json").write_text(json.dumps(products))
    (tmp_path / "items_ins_v2.json").write_text(json.dumps({asin: instruction}))
    options: Sequence[Sequence[object]] = list(products[0]["customization_options"].values())
    combinations = 1
    for values in options:
        combinations *= len(values)

    goals = official_goals(str(tmp_path), human=False)

    assert len(goals) == combinations
    assert all(goal.instruction.startswith("a pot with ") for goal in goals)


@pytest.mark.parametrize(
    ("pricing", "prices", "tag"),
    [
        ("$7.00", (7.0,), "$7.0"),
        ("$37.10 to $55.65", (37.1, 55.65), "$37.1 to $55.65"),
        ("$1,299.00", (1299.0,), "$1299.0"),
        ("", (100.0,), "$100.0"),
        (None, (100.0,), "$100.0"),
    ],
)
def test_a_price_tag_is_read(pricing: str | None, prices: tuple[float, ...], tag: str) -> None:
    assert parse_prices(pricing) == (prices, tag)


def test_options_lose_their_slashes_and_capitals() -> None:
    raw = {"Color": [{"value": " Red/Blue "}], "Size": None}

    assert parse_options(raw) == {"color": ("red | blue",)}


def test_a_price_above_all_limits_has_none() -> None:
    assert price_limit(995.0, random.Random(0)) == (1_000_000.0, "")
    limit, text = price_limit(42.0, random.Random(0))
    assert limit in {60.0, 70.0, 80.0}
    assert text == f", and price lower than {limit:.2f} dollars"


def test_a_product_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    path = tmp_path / "items_shuffle.json"
    products = json.loads(path.read_text())[:3]
    del products[2]["query"]
    path.write_text(json.dumps(products))

    with pytest.raises(InvalidInput, match=products[2]["asin"]):
        load_official(str(tmp_path))


def test_every_bad_product_and_instruction_is_named(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    path = tmp_path / "items_shuffle.json"
    products = json.loads(path.read_text())
    path.write_text(json.dumps([*products, 7, {"asin": "B000000000"}]))
    with pytest.raises(BadRecords) as broken_products:
        load_official(str(tmp_path))
    path.write_text(json.dumps(products))
    people = tmp_path / "items_human_ins.json"
    instructions = json.loads(people.read_text())
    asin = next(iter(instructions))
    people.write_text(json.dumps({"new": 3, **instructions, asin: [{"instruction": "a pot"}]}))

    with pytest.raises(BadRecords) as broken_instructions:
        official_goals(str(tmp_path))

    assert [one.number for one in broken_products.value.records] == [361, 362]
    assert [one.number for one in broken_instructions.value.records] == [1, 2]
    assert asin in broken_instructions.value.records[1].problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("product_category", 5),
        ("full_description", ["a"]),
        ("small_description", ["a", None]),
        ("small_description", {"a": "b"}),
        ("pricing", "$1..2"),
        ("customization_options", {"size": [{"value": None}]}),
    ],
)
def test_a_product_that_could_not_be_bought_is_bad_at_once(
    tmp_path: Path, field: str, value: object
) -> None:
    write_official_files("unseen", tmp_path)
    path = tmp_path / "items_shuffle.json"
    products = json.loads(path.read_text())
    products[4][field] = value
    path.write_text(json.dumps(products))

    with pytest.raises(BadRecords) as broken:
        load_official(str(tmp_path))

    assert [one.number for one in broken.value.records] == [5]
    assert products[4]["asin"] in broken.value.records[0].problem


@pytest.mark.parametrize("wish", [{"instruction_attributes": [None]}, {"instruction_options": [5]}])
def test_a_wish_that_could_not_be_judged_is_bad_at_once(
    tmp_path: Path, wish: dict[str, object]
) -> None:
    write_official_files("unseen", tmp_path)
    people = tmp_path / "items_human_ins.json"
    instructions = json.loads(people.read_text())
    asin = next(iter(instructions))
    instructions[asin][0] |= wish
    people.write_text(json.dumps(instructions))

    with pytest.raises(BadRecords) as broken:
        official_goals(str(tmp_path))

    assert asin in broken.value.records[0].problem


def test_reviews_that_are_no_records_are_refused(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    (tmp_path / "reviews.json").write_text("[1]")

    with pytest.raises(InvalidInput, match=r"reviews\.json"):
        load_official(str(tmp_path))


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="items_shuffle"):
        load_official(str(tmp_path))


def test_broken_numbers_and_repeated_products_are_left_out(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    path = tmp_path / "items_shuffle.json"
    first, second, *_ = json.loads(path.read_text())
    too_long, nameless = {**first, "asin": "B" * 11}, {**first, "asin": "nan"}
    path.write_text(json.dumps([too_long, first, nameless, first, second]))

    catalogue = load_official(str(tmp_path))

    assert list(catalogue.asins()) == [first["asin"], second["asin"]]
    assert catalogue.by_asin(second["asin"]).name == second["name"]


def test_reviews_are_shown_where_there_is_a_file(tmp_path: Path) -> None:
    write_official_files("unseen", tmp_path)
    asin = json.loads((tmp_path / "items_shuffle.json").read_text())[0]["asin"]
    review = {"title": "Fine", "stars": 4, "review": "It works."}
    record = {"asin": asin, "reviews": [review], "average_rating": "4.5"}
    (tmp_path / "reviews.json").write_text(json.dumps([record]))

    product = load_official(str(tmp_path)).by_asin(asin)

    assert product.rating == "4.5"
    (shown,) = product.reviews
    assert (shown.title, shown.score, shown.body) == ("Fine", "4", "It works.")
