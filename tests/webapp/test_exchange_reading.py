"""Files on their way in: what no row can be made of is named, and nothing rises."""

import json
from pathlib import Path

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


@pytest.mark.parametrize("depth", [100, 900, 960, 970, 980, 990, 1_000, 5_000, 100_000])
def test_lists_in_lists_are_taken_or_named_at_any_depth(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(EPISODE)[:-1] + f', "more": {"[" * depth}{"]" * depth}}}')

    (told,) = problems(path)

    assert told == "" if depth == 100 else told == "" or "too deep" in told or "recursion" in told
