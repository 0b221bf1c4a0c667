"""The stock engine is optional, and says how to install it where it is absent."""

from importlib.util import find_spec

import pytest

from retro_core.envs.alfworld import AlfworldEnv, generate
from retro_core.envs.alfworld.stock import StockAlfworldEnv
from retro_core.errors import InvalidInput

INSTALLED = find_spec("alfworld") is not None


@pytest.mark.skipif(INSTALLED, reason="the stock engine is installed")
def test_without_the_extra_the_message_says_what_to_install() -> None:
    with pytest.raises(InvalidInput, match=r"pip install 'retroformer-studio\[alfworld-stock\]'"):
        StockAlfworldEnv()


@pytest.mark.skipif(not INSTALLED, reason="needs the extra alfworld-stock")
def test_the_stock_engine_and_ours_tell_the_same_story() -> None:
    (task,) = generate(count=1, split="train", seed=21)
    stock, own = StockAlfworldEnv(), AlfworldEnv(returns="success")

    assert stock.reset(task)[0] == own.reset(task)[0]
    for action in [*task.payload["walkthrough"], "inventory"]:
        theirs, ours = stock.step(action), own.step(action)

        assert theirs.observation == ours.observation
        assert theirs.reward == ours.reward
        assert theirs.info.admissible_actions == ours.info.admissible_actions
