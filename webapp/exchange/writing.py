"""A `datasets` folder on disk, and its zip: written beside, and renamed when it is whole."""

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from webapp.batches import batches
from webapp.exchange.columns import Column, Row, arrow_schema, features
from webapp.exchange.tables import TABLES, Table

Format = Literal["parquet", "jsonl"]
BATCH = 500
ENCODER = json.JSONEncoder(ensure_ascii=False)  # made once: half the cost of a short row
COPY_BYTES = 1 << 20
EPOCH = (1980, 1, 1, 0, 0, 0)  # equal rows give equal zips


class RowFile(Protocol):
    """A file that takes rows."""

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""

    def close(self) -> None:
        """Finish the file."""


class JsonlFile:
    """One JSON object a line."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file: BinaryIO = path.open("wb")

    def write(self, rows: Sequence[Row]) -> None:
        self._file.write("".join(f"{ENCODER.encode(row)}\n" for row in rows).encode())

    def close(self) -> None:
        self._file.close()


class ParquetFile:
    """A row group for each batch."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._schema = arrow_schema(columns)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        self._file.write_table(pa.Table.from_pylist(list(rows), schema=self._schema))

    def close(self) -> None:
        self._file.close()


def write_table(folder: Path, table: Table, rows: Iterable[Row], kind: Format) -> Iterator[int]:
    """Write one table, a file for each split of its tasks; yields the rows written so far."""
    maker = ParquetFile if kind == "parquet" else JsonlFile
    place = folder / "data" / table.name
    place.mkdir(parents=True)
    files: dict[str, RowFile] = {}
    written = 0
    try:
        for batch in batches(rows, BATCH):
            for split, some in _by_split(batch).items():
                path = place / f"{split}-00000.{kind}"
                file = files[split] = files.get(split) or maker(path, table.columns)
                file.write(some)
            written += len(batch)
            yield written
    finally:
        for file in files.values():
            file.close()


def split_word(split: str) -> str:
    """A split as `datasets` takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", split, flags=re.ASCII) or "train"


def write_card(folder: Path, kind: Format, *, title: str) -> None:
    """README.md: the configurations with their splits and columns, for programs and for people."""
    found = [table for table in TABLES.values() if any((folder / "data" / table.name).glob("*"))]
    configs = [_config(folder, table, kind) for table in found]
    info = [{"config_name": t.name, "features": features(t.columns)} for t in found]
    head = yaml.safe_dump({"configs": configs, "dataset_info": info}, sort_keys=False)
    example = found[0].name if found else "episodes"
    words = [
        f"---\n{head}---\n\n# {title}\n",
        "Written by Retroformer Studio. One configuration a table, one split a split of the tasks;",
        "columns that hold JSON hold it as text.\n",
        *(f"- `{table.name}`: {table.title.lower()}" for table in found),
        f'\n```python\nfrom datasets import load_dataset\n\nload_dataset(".", "{example}")\n```\n',
    ]
    (folder / "README.md").write_text("\n".join(words), encoding="utf-8")


def pack(folder: Path, path: Path) -> None:
    """Zip the folder: flushed to the disk under another name, then renamed."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, True, 3) as made:
        for member in sorted(folder.rglob("*")):
            if member.is_file():
                _add(made, member, member.relative_to(folder).as_posix())
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    part.replace(path)


def _add(made: zipfile.ZipFile, member: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    stored = member.suffix == ".parquet"  # compressed inside already
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with member.open("rb") as source, made.open(entry, "w", force_zip64=True) as target:
        while block := source.read(COPY_BYTES):
            target.write(block)


def _config(folder: Path, table: Table, kind: Format) -> dict[str, object]:
    splits = sorted(path.name.split("-")[0] for path in (folder / "data" / table.name).glob("*"))
    files = [{"split": split, "path": f"data/{table.name}/{split}-*.{kind}"} for split in splits]
    return {"config_name": table.name, "data_files": files}


def _by_split(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(split_word(row.get("split") or "train"), []).append(row)
    return found
