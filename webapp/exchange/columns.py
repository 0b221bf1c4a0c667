"""Columns of the exchanged tables: one definition for JSON, parquet, the card and the checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pyarrow as pa

from retro_core.errors import InvalidInput
from webapp.episodes.log_lines import has_half_pair

Row = dict[str, Any]  # values are what the kind of the column says
LARGEST_NUMBER = 1e12
LARGEST_WHOLE = 2**63 - 1


class Kind(Enum):
    """What a column holds; the value is its word in arrow and in the card."""

    TEXT = "string"
    WHOLE = "int64"
    NUMBER = "float64"
    FLAG = "bool"


TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.WHOLE: (int,),
    Kind.NUMBER: (float, int),
    Kind.FLAG: (bool,),
}
WORDS = {Kind.TEXT: "text", Kind.WHOLE: "a whole number", Kind.FLAG: "true or false"}
ARROW = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A name and a kind. `needed` columns must be there; `longest` counts characters.

    `fields` makes it a list of records; `many` a list of plain values. `least` and `most` bound
    whole numbers.
    """

    name: str
    kind: Kind = Kind.TEXT
    needed: bool = False
    longest: int = 0
    fields: tuple["Column", ...] = ()
    many: bool = False
    least: int = -LARGEST_WHOLE
    most: int = LARGEST_WHOLE

    @property
    def arrow(self) -> pa.DataType:
        """The column's type in parquet."""
        if self.fields:
            return pa.list_(pa.struct([(field.name, field.arrow) for field in self.fields]))
        return pa.list_(ARROW[self.kind]) if self.many else ARROW[self.kind]

    def check(self, value: object) -> None:
        """Raises InvalidInput if the value does not fit; null fits where nothing is needed."""
        if value is None:
            if self.needed:
                raise InvalidInput(f"{self.name} is missing")
        elif self.fields or self.many:
            self._check_list(value)
        else:
            self._check_one(value)

    def _check_list(self, value: object) -> None:
        if not isinstance(value, list):
            raise InvalidInput(f"{self.name} must be a list")
        for place, part in enumerate(value, start=1):
            try:
                check_row(part, self.fields) if self.fields else self._check_one(part)
            except InvalidInput as error:
                raise InvalidInput(f"{self.name} {place}: {error}") from error

    def _check_one(self, value: object) -> None:
        wrong_flag = isinstance(value, bool) and self.kind is not Kind.FLAG
        if wrong_flag or not isinstance(value, TYPES[self.kind]):
            raise InvalidInput(f"{self.name} must be {WORDS.get(self.kind, 'a number')}")
        if isinstance(value, str):
            self._check_text(value)
        elif isinstance(value, float) and not abs(value) <= LARGEST_NUMBER:  # NaN too
            raise InvalidInput(f"{self.name} must be a finite number")
        elif isinstance(value, int) and not self.least <= value <= self.most:
            raise InvalidInput(f"{self.name} must be {self.least} to {self.most}")

    def _check_text(self, text: str) -> None:
        if self.needed and not text.strip():
            raise InvalidInput(f"{self.name} is empty")
        if self.longest and len(text) > self.longest:
            raise InvalidInput(f"{self.name} is longer than {self.longest} characters")
        if "\x00" in text:
            raise InvalidInput(f"{self.name} holds a NUL character")
        if has_half_pair(text):
            raise InvalidInput(f"{self.name} holds half a surrogate pair")


def check_row(row: object, columns: Sequence[Column]) -> None:
    """Raises InvalidInput with the first thing that is wrong with a row."""
    if not isinstance(row, dict):
        raise InvalidInput("not an object")
    for column in columns:
        column.check(row.get(column.name))


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The schema of a parquet file of these columns."""
    return pa.schema([(column.name, column.arrow) for column in columns])


def features(columns: Sequence[Column]) -> list[dict[str, Any]]:  # YAML values
    """The columns as the card of a `datasets` folder names them."""
    return [_feature(column) for column in columns]


def _feature(column: Column) -> dict[str, Any]:
    if column.fields:
        return {"name": column.name, "list": features(column.fields)}
    key = "list" if column.many else "dtype"
    return {"name": column.name, key: column.kind.value}
