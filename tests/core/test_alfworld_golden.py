"""The household engine answers as the stock engine did in recorded games."""

import json
from pathlib import Path

import pytest

from retro_core.envs.alfworld.golden import compare_file, main

OWN = sorted((Path(__file__).parent / "fixtures" / "alfworld").glob("*.json"))
SHARED = Path(__file__).resolve().parents[2] / "../shared/data/alfworld_golden"


def test_every_recorded_answer_of_the_shared_games_is_equal() -> None:
    paths = sorted(SHARED.glob("*.json"))
    if not paths:
        pytest.skip(f"no shared recordings in {SHARED}")

    compared = [record for path in paths for record in compare_file(path)]

    assert [record.difference for record in compared if not record.equal] == []
    assert len(compared) == 798


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_recorded_answer_of_our_own_games_is_equal(path: Path) -> None:
    compared = list(compare_file(path))

    assert [record.difference for record in compared if not record.equal] == []
    assert len(compared) >= 60


def test_the_command_counts_equal_records(capsys: pytest.CaptureFixture[str]) -> None:
    total = sum(1 for path in OWN for _ in compare_file(path))

    status = main([str(path) for path in OWN])

    assert status == 0
    assert capsys.readouterr().out == f"{total} of {total} records equal\n"


def test_the_command_shows_the_first_difference_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = json.loads(OWN[0].read_text(encoding="utf-8"))
    recording["sessions"] = recording["sessions"][:1]
    recording["sessions"][0]["steps"] = recording["sessions"][0]["steps"][:2]
    recording["sessions"][0]["steps"][1]["observation"] = "A dragon appears."
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(recording), encoding="utf-8")

    status = main([str(changed)])

    shown = capsys.readouterr().out
    assert status == 1
    assert shown.startswith("2 of 3 records equal\nFirst difference: changed.json, session 1")
    assert "A dragon appears." in shown


def test_a_file_of_another_kind_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"sessions": []}', encoding="utf-8")

    status = main([str(other)])

    assert status == 2
    assert str(other) in capsys.readouterr().err
