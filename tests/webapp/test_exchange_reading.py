"""Files on their way in: what no row can be made of is named, and nothing rises."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from webapp.exchange.checking import problem
from webapp.exchange.reading import row_sources

EPISODE = {
    **{"experiment": "doors", "environment": "doors", "method": "react", "task_id": "d1"},
    **{"trial": 1, "success": False, "episode_return": 0.0, "truncated": False},
    "steps": [{"action": "leave"}],
}
LAST = 2**62  # microseconds: a year that no date has


def problems(path: Path) -> list[str]:
    (source,) = row_sources(path, path.parent / "unpacked")
    return [problem(found) for found in source.rows()]


def parquet(path: Path, **more: pa.Array) -> Path:
    pq.write_table(pa.table({name: [value] for name, value in EPISODE.items()} | more), path)
    return path


def test_a_log_with_columns_of_its_own_is_taken(tmp_path: Path) -> None:
    when = pa.array([1_700_000_000_123_456_789], type=pa.timestamp("ns"))

    assert problems(parquet(tmp_path / "log.parquet", when=when)) == [""]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([LAST], type=pa.timestamp("us")),
        pa.array([2**50], type=pa.date64()),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        pa.array([1], type=pa.timestamp("us", tz="Mars/Base")),
    ],
)
def test_parquet_that_python_has_no_values_for_is_named(tmp_path: Path, column: pa.Array) -> None:
    (told,) = problems(parquet(tmp_path / "log.parquet", more=column))

    assert told.startswith("parquet that cannot be read")


REFLECTION = {
    **{"experiment": "doors", "task_id": "d1", "trial": 1, "text": "Red is a wall."},
    "environment": "doors",
}
RATING = REFLECTION | {
    "responses": [
        {
            **{"key": "0b9f1f2e-9a51-4d4e-8f0b-0f5f5e2f8d11", "queue": "q", "person": "lea"},
            **{"entered_by": "lea", "kind": "unsure", "at": "2026-11-01T10:00:00+00:00"},
        }
    ]
}


def dataset(folder: Path, table: str, row: dict[str, Any]) -> str:
    """What is said of the only row of a table."""
    place = folder / "data" / table
    place.mkdir(parents=True)
    (place / "train-00000.jsonl").write_text(json.dumps(row))
    (source,) = row_sources(folder, folder)
    (found,) = source.rows()
    return problem(found)


def test_a_candidate_without_its_parts_is_named(tmp_path: Path) -> None:
    good = {"text": "Red.", "seed": 1, "score": 0.5}
    for place, part in enumerate(good):
        bad = {name: value for name, value in good.items() if name != part}
        assert part in dataset(
            tmp_path / str(place), "reflections", REFLECTION | {"candidates": [bad]}
        )
    assert dataset(tmp_path / "good", "reflections", REFLECTION | {"candidates": [good]}) == ""


@pytest.mark.parametrize(
    "spans", ["[1]", '[{"start": 0, "end": 2, "label": "blue"}]', '[{"start": 3, "end": 1}]']
)
def test_a_highlight_that_no_page_makes_is_named(tmp_path: Path, spans: str) -> None:
    response = RATING["responses"][0] | {"spans": spans}

    assert "spans" in dataset(tmp_path / "bad", "ratings", RATING | {"responses": [response]})
    good = response | {"spans": '[{"start": 0, "end": 2, "label": "good"}]'}
    assert dataset(tmp_path / "good", "ratings", RATING | {"responses": [good]}) == ""


def test_what_is_no_number_in_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(EPISODE | {"more": [float("nan")]}))

    assert problems(path) == ["holds nan, which is no number in JSON"]


@pytest.mark.parametrize("depth", [100, 900, 960, 970, 980, 990, 1_000, 5_000, 100_000])
def test_lists_in_lists_are_taken_or_named_at_any_depth(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(EPISODE)[:-1] + f', "more": {"[" * depth}{"]" * depth}}}')

    (told,) = problems(path)

    assert told == "" if depth == 100 else told == "" or "too deep" in told or "recursion" in told
