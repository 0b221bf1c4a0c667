"""Answers as a parquet file: the columns of the JSON lines, one row an event."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from webapp.annotation.models import Queue
from webapp.annotation.services.exchange import line_of, responses_of

MAGIC = b"PAR1"
AS_JSON = ("rubric", "spans")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "replaces", "experiment", "task")),
        ("trial", pa.int32()),
        ("copy", pa.int32()),
        *((name, pa.string()) for name in ("person", "entered_by", "at", "said_at", "kind")),
        ("value", pa.float64()),
        ("automatic_rating", pa.float64()),
        ("first_kind", pa.string()),
        ("first_value", pa.float64()),
        ("confidence", pa.int32()),
        ("rubric", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("spans", pa.string()),
        ("note", pa.string()),
        ("seconds", pa.float64()),
        ("guidelines", pa.int32()),
    ]
)


def responses_parquet(queue: Queue) -> bytes:
    """The whole history of a queue's answers; rubric and highlights are JSON text."""
    rows = [_row(line_of(row)) for row in responses_of(queue).iterator(chunk_size=500)]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file, compression="zstd")
    return file.getvalue()


def rows_of_parquet(content: bytes) -> Iterator[dict[str, Any]]:
    """The lines of such a file. Raises ValueError that says what is wrong with it."""
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"it is no parquet file that can be read: {error}") from error
    for row in table.to_pylist():
        yield {name: _plain(name, value) for name, value in row.items()}


def _row(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if name in AS_JSON else value for name, value in line.items()}


def _plain(name: str, value: Any) -> Any:  # of any column type
    if name in AS_JSON and isinstance(value, str):
        try:
            return json.loads(value)
        except RecursionError as error:
            raise ValueError(f"`{name}` is nested too deeply") from error
    return value
