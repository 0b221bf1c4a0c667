"""Rows on their way in: JSON lines, parquet, or a zip of a `datasets` folder, one at a time."""

import json
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from retro_core.errors import InvalidInput
from webapp.exchange.tables import TABLES, Table, told_by

LONGEST_LINE = 32 * 1024 * 1024  # bytes
MOST_UNPACKED = 16 * 1024**3  # bytes
MOST_MEMBERS = 200_000
READ_ROWS = 200
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
)
ENDINGS = {".jsonl", ".parquet", ".json"}


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a file as it stands there, or the reason why it cannot be read."""

    table: Table
    file: str
    number: int
    values: dict[str, Any]  # unchecked
    error: str = ""


class Source(Protocol):
    """Rows that can be read more than once."""

    def rows(self) -> Iterator[Found]: ...


@dataclass(frozen=True, slots=True)
class RowSource:
    """A file of rows and the table they belong to."""

    path: Path
    name: str
    table: Table

    def rows(self) -> Iterator[Found]:
        """Every row, numbered from 1 (a line of JSON by its line)."""
        reader = _parquet_rows if self.path.suffix == ".parquet" else _json_rows
        yield from reader(self)

    def _found(self, number: int, values: dict[str, Any], error: str = "") -> Found:
        return Found(self.table, self.name, number, values, error)


def row_sources(path: Path, unpacked: Path) -> list[RowSource]:
    """The files of rows in the order in which they must be stored. Raises InvalidInput."""
    if path.suffix.lower() == ".zip":
        return _dataset(unpack(path, unpacked))
    if path.is_dir():
        return _dataset(path)
    return [RowSource(path, path.name, _table_of(path))]


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a zip below a folder: only plain names, and not more than there is room for."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = [entry for entry in packed.infolist() if not entry.is_dir()]
            if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > MOST_UNPACKED:
                raise InvalidInput("The zip holds too much to unpack here.")
            for member in members:
                _extract(packed, member, folder)
    except UNREADABLE as error:
        raise InvalidInput(f"{path.name} is not a zip that can be read: {error}.") from error
    return folder


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
        raise InvalidInput(f"The zip holds a name that leads outside: {member.filename!r}.")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)


def _dataset(folder: Path) -> list[RowSource]:
    places = [(data / t.name, t) for data in folder.rglob("data") for t in TABLES.values()]
    sources = [
        RowSource(path, path.relative_to(folder).as_posix(), table)
        for place, table in places
        for path in place.glob("*")
        if path.suffix in ENDINGS
    ]
    if not sources:
        raise InvalidInput(
            f"The folder holds no data/TABLE/SPLIT-*.parquet or .jsonl; tables are"
            f" {', '.join(TABLES)}."
        )
    order = list(TABLES)
    return sorted(sources, key=lambda source: (order.index(source.table.name), source.name))


def _table_of(path: Path) -> Table:
    """By the columns of a parquet file, or of the first line that is an object."""
    try:
        if path.suffix == ".parquet":
            return told_by(set(pq.ParquetFile(path).schema_arrow.names))
        with path.open("rb") as lines:
            readable = (_values(line) for line in islice(lines, READ_ROWS) if line.strip())
            first = next((values for values in readable if values is not None), {})
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}.") from error
    return _told_or_log(first)


def _values(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _told_or_log(values: dict[str, Any]) -> Table:
    """A log of episodes with a column missing is still a log, whose lines tell what they miss."""
    try:
        return told_by(set(values))
    except InvalidInput:
        return TABLES["episodes"]


def _json_rows(source: RowSource) -> Iterator[Found]:
    with source.path.open("rb") as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                yield source._found(number, {}, f"longer than {LONGEST_LINE // 1024**2} MiB")
                return
            if line.strip():
                yield _json_row(source, line, number)


def _json_row(source: RowSource, line: bytes, number: int) -> Found:
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return source._found(number, {}, f"not UTF-8 at byte {error.start + 1}")
    except (ValueError, RecursionError) as error:
        return source._found(number, {}, f"not JSON: {error}")
    if not isinstance(values, dict):
        return source._found(number, {}, "not a JSON object")
    return source._found(number, values)


def _parquet_rows(source: RowSource) -> Iterator[Found]:
    number = 0
    try:
        with pq.ParquetFile(source.path) as file:
            batches = file.iter_batches(batch_size=READ_ROWS)
            for values in chain.from_iterable(batch.to_pylist() for batch in batches):
                number += 1
                yield source._found(number, values)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        yield source._found(number + 1, {}, f"parquet that cannot be read: {error}")
