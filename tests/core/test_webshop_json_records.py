"""Big JSON files read value by value."""

import json
from pathlib import Path

import pytest

from retro_core.envs import json_records
from retro_core.envs.json_records import JsonFile, read_json_records
from retro_core.errors import InvalidInput

RECORDS = [{"name": "é" * 5, "n": number, "list": [1, {"deep": "]}"}]} for number in range(7)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_values_come_out_whole_whatever_the_block_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, ascii_only: bool
) -> None:
    monkeypatch.setattr(json_records, "BLOCK_BYTES", block)
    path = write(tmp_path / "a.json", json.dumps(RECORDS, indent=1, ensure_ascii=ascii_only))

    found = list(read_json_records(path))

    assert [record.value for record in found] == RECORDS
    assert [JsonFile(path).read(one.start, one.size) for one in found] == RECORDS


def test_an_object_gives_its_keys(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", ' { "a" : {"n": 1} , "b":{"n": 2}}')

    assert [(one.key, one.value) for one in read_json_records(path)] == [
        ("a", {"n": 1}),
        ("b", {"n": 2}),
    ]


@pytest.mark.parametrize("text", ["[]", "{}", " [ ] "])
def test_an_empty_file_of_records_has_none(tmp_path: Path, text: str) -> None:
    assert list(read_json_records(write(tmp_path / "a.json", text))) == []


@pytest.mark.parametrize(
    "text", ["", "3", '[{"a": 1}', '[{"a": 1} {"b": 2}]', '[{"a": }]', '{"a" 1}']
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"broken\.json.*byte"):
        list(read_json_records(write(tmp_path / "broken.json", text)))


@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, "1" * 5_000])
def test_values_that_python_does_not_read_are_named_with_their_place(
    tmp_path: Path, value: str
) -> None:
    with pytest.raises(InvalidInput, match=r"deep\.json: the value at byte 1 cannot be read"):
        list(read_json_records(write(tmp_path / "deep.json", f"[{value}]")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="missing"):
        list(read_json_records(tmp_path / "nothing.json"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'["\xff\xfe"]')

    with pytest.raises(InvalidInput, match="UTF-8"):
        list(read_json_records(path))
