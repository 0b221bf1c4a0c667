"""Walking through the shop: what each page says, and which actions it takes."""

import pytest

from retro_core.envs.webshop.env import WebShopEnv
from retro_core.envs.webshop.generator import generate
from retro_core.envs.webshop.nouns import approximate_nouns
from retro_core.envs.webshop.react_mode import ReactSession, without_escapes
from retro_core.envs.webshop.rich_mode import RichSession
from retro_core.errors import InvalidInput
from retro_core.types import Task
from tests.core.webshop_shop import lamp_goal, small_shop


def walk(session: ReactSession | RichSession, *actions: str) -> str:
    observation = session.start()
    for action in actions:
        observation = session.act(action).observation
    return observation


@pytest.fixture
def react() -> ReactSession:
    return ReactSession(small_shop(), lamp_goal(), approximate_nouns)


@pytest.fixture
def rich() -> RichSession:
    return RichSession(small_shop(), lamp_goal(), approximate_nouns)


def test_results_show_three_products_and_hide_the_instruction(react: ReactSession) -> None:
    assert walk(react, "search[lamp]") == (
        "\n[Back to Search] \nPage 1 (Total results: 4) \n[Next >] "
        "\n[A0] \nOak Lamp \n$20.0 \n[A1] \nPine Lamp \n$20.0 \n[A2] \nElm Lamp \n$20.0 "
    )


def test_an_item_shows_its_options_in_brackets(react: ReactSession) -> None:
    assert walk(react, "search[oak]", "click[A0]") == (
        "\n[Back to Search] \n[< Prev] \ncolour [red | blue][green]\nsize [small][large]"
        "\nOak Lamp \nPrice: $20.0 \nRating: N.A. "
        "\n[Description] \n[Features] \n[Reviews] \n[Buy Now] "
    )


def test_a_chosen_option_stands_in_double_brackets_until_the_item_is_left(
    react: ReactSession,
) -> None:
    chosen = walk(
        react, "search[oak]", "click[A0]", "click[green]", "click[Features]", "click[< Prev]"
    )
    react.act("click[< Prev]")
    again = react.act("click[A0]").observation

    assert "[red | blue][[green]]" in chosen
    assert "[red | blue][green]" in again


def test_buying_the_right_thing_ends_with_its_score(react: ReactSession) -> None:
    walk(react, "search[oak]", "click[A0]", "click[green]", "click[small]")

    outcome = react.act("click[Buy Now]")

    assert outcome.observation == "Your score (min 0.0, max 1.0): 1.0"
    assert outcome.reward == 1.0
    assert outcome.done
    assert react.purchase == "A0 (green, small)"


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), "click[Buy Now]"),
        ((), "click[Back to Search]"),
        ((), "buy it"),
        (("search[oak]",), "search[pine]"),
        (("search[oak]",), "click[Next >]"),
        (("search[oak]",), "click[A3]"),
        (("search[oak]",), "click[< Prev]"),
        (("search[oak]", "click[A0]"), "click[purple]"),
        (("search[oak]", "click[A0]", "click[Features]"), "click[Buy Now]"),
    ],
)
def test_an_action_that_the_page_does_not_offer_is_invalid(
    react: ReactSession, before: tuple[str, ...], action: str
) -> None:
    page = walk(react, *before)

    outcome = react.act(action)

    assert outcome.observation == "Invalid action!"
    assert not outcome.understood
    assert react.act("think[so?]").observation == page


def test_a_fourth_product_can_be_clicked_though_it_is_not_shown(react: ReactSession) -> None:
    assert "Ash Lamp" in walk(react, "search[lamp]", "click[A3]")
    assert "A3" not in walk(react, "search[lamp]")


def test_written_out_escapes_become_characters() -> None:
    assert without_escapes("one\\ntwo é") == "one\ntwo é"
    assert without_escapes("a lone \\") == "a lone \\"


def test_rich_text_marks_buttons_and_repeats_the_instruction(rich: RichSession) -> None:
    assert walk(rich, "search[Oak]") == (
        "Instruction:\ni want a dimmable oak lamp, green, small\n"
        "[button] Back to Search [button_]\nPage 1 (Total results: 1)\n[button] Next > [button_]\n"
        "\n[button] A0 [button_]\nOak Lamp\n$20.0\n"
    )


def test_rich_text_puts_the_choices_first_and_marks_them(rich: RichSession) -> None:
    page = walk(rich, "search[oak]", "click[a0]", "click[green]", "click[small]")

    assert page.startswith("You have clicked small.\nYou have clicked green.\nInstruction:")
    assert "  [button] red | blue [button_]\n  [clicked button] green [clicked button_]\n" in page


def test_rich_text_turns_pages_and_searches_from_anywhere(rich: RichSession) -> None:
    second = walk(rich, "search[lamp]", "click[next >]")

    assert "Page 2 (Total results: 4)" in second
    assert "[button] < Prev [button_]" in second
    assert "Page 1" in rich.act("click[< Prev]").observation
    assert "Pine Lamp" in rich.act("search[pine]").observation


def test_an_idle_click_in_rich_text_reads_the_page_again(rich: RichSession) -> None:
    page = walk(rich, "search[oak]")

    outcome = rich.act("click[Buy Now]")

    assert outcome.observation == page
    assert not outcome.understood


def test_plain_text_joins_everything_with_separators() -> None:
    session = RichSession(small_shop(), lamp_goal(), approximate_nouns, form="text")

    assert session.start() == (
        "WebShop [SEP] Instruction: [SEP] i want a dimmable oak lamp, green, small [SEP] Search"
    )


def test_a_thought_is_answered_with_ok() -> None:
    env = WebShopEnv()
    env.reset(generate(count=1, split="train", seed=0)[0])

    assert env.step("think[what now?]").observation == "OK."


def test_after_the_purchase_nothing_more_is_earned() -> None:
    env = WebShopEnv()
    task = generate(count=1, split="train", seed=0)[0]
    goal = task.payload["goal"]
    env.reset(task)
    for action in (f"search[{goal['name']}]", f"click[{goal['asin']}]", "click[Buy Now]"):
        bought = env.step(action)

    after = env.step("click[Buy Now]")

    assert bought.terminated
    assert bought.reward > 0
    assert (after.reward, after.terminated) == (0.0, True)


@pytest.mark.parametrize(
    "payload",
    [
        {"goal": {"asin": "A0"}, "catalogue": {"generated": "seen"}},
        {"goal": lamp_goal().to_json(), "catalogue": {}},
        {"goal": lamp_goal().to_json(), "catalogue": {"generated": "nowhere"}},
        {"goal": lamp_goal().to_json(), "catalogue": {"folder": "/no/such/folder"}},
        {"goal": lamp_goal().to_json(), "catalogue": {"generated": "seen"}, "observations": "html"},
    ],
)
def test_a_task_without_a_proper_shop_is_refused(payload: dict[str, object]) -> None:
    task = Task(id="t", environment="webshop", goal="", payload=payload)

    with pytest.raises(InvalidInput):
        WebShopEnv().reset(task)
