"""The shop against recordings of the original engine."""

import json
from pathlib import Path

import pytest

from retro_core.envs.webshop.golden import compare_golden, main
from retro_core.envs.webshop.nouns import approximate_nouns

FOLDER = Path(__file__).resolve().parents[2] / "../shared/data/webshop_golden"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the WebShop recordings (shared data) are not on this machine"
)


def test_every_recorded_goal_reward_search_and_session_is_equal() -> None:
    golden = json.loads((FOLDER / "golden.json").read_text())

    compared = compare_golden(golden, str(FOLDER), approximate_nouns)

    assert [one.kind for one in compared] == ["goals", "rewards", "searches", "sessions"]
    assert [one.equal for one in compared] == [686, 100, 40, 6]
    assert all(one.equal == one.total for one in compared)


def test_the_command_says_what_differs_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = json.loads((FOLDER / "golden.json").read_text())
    golden["rewards"][0]["reward"] = 0.25
    golden["searches"][3]["asins"].reverse()
    changed = tmp_path / "golden.json"
    changed.write_text(json.dumps(golden))

    code = main([str(changed), "--catalogue", str(FOLDER)])

    shown = capsys.readouterr().out
    assert code == 1
    assert "rewards: 99 of 100 equal" in shown
    assert "searches: 39 of 40 equal" in shown
    assert "recorded 0.25" in shown


def test_the_command_succeeds_on_the_true_recordings() -> None:
    assert main([str(FOLDER / "golden.json"), "--catalogue", str(FOLDER)]) == 0
