"""Big JSON files read value by value: an array of records, or an object of them by key."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from retro_core.errors import InvalidInput

BLOCK_BYTES = 1 << 20
LONGEST_VALUE = 64 << 20  # characters; what is longer is a broken file, not a record
SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """One value of the file, and where its text lies, in bytes."""

    key: str
    value: Any  # whatever JSON the file holds
    start: int
    size: int


@dataclass(slots=True)
class _Window:
    """The part of the file in memory: decoded text, the place in it, its byte offset."""

    path: Path
    file: BinaryIO
    text: str = ""
    place: int = 0
    place_bytes: int = 0
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")()
    )

    def grow(self) -> bool:
        block = self.file.read(BLOCK_BYTES)
        try:
            self.text = self.text[self.place :] + self.decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self.path.name} is not UTF-8 text: {error}.") from error
        self.place = 0
        return bool(block)

    def advance(self, end: int) -> int:
        """Move to `end` and return the bytes passed."""
        passed = len(self.text[self.place : end].encode())
        self.place, self.place_bytes = end, self.place_bytes + passed
        return passed

    def next_mark(self) -> str:
        """The next character that is not space; "" at the end of the file."""
        while True:
            end = self.place
            while end < len(self.text) and self.text[end] in SPACE:
                end += 1
            self.advance(end)
            if end < len(self.text):
                return self.text[end]
            if not self.grow():
                return ""

    def value(self) -> tuple[Any, int, int]:
        """Decode the value that begins here: value, first byte, bytes."""
        self.next_mark()
        start = self.place_bytes
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self.text, self.place)
            except json.JSONDecodeError as error:
                too_long = len(self.text) - self.place > LONGEST_VALUE
                if too_long or not self.grow():
                    message = f"{self.path.name}: broken JSON near byte {start}: {error.msg}."
                    raise InvalidInput(message) from error
            except (ValueError, RecursionError) as error:  # too long a number, too deep a list
                message = f"{self.path.name}: the value at byte {start} cannot be read: {error}."
                raise InvalidInput(message) from error
            else:
                return value, start, self.advance(end)

    def expect(self, marks: str) -> str:
        found = self.next_mark()
        if not found or found not in marks:
            wanted = " or ".join(repr(mark) for mark in marks)
            raise InvalidInput(
                f"{self.path.name}: {found or 'end of file'!r} at byte {self.place_bytes}, "
                f"expected {wanted}."
            )
        self.advance(self.place + 1)
        return found


def read_json_records(path: Path) -> Iterator[JsonRecord]:
    """Yield the values of a top-level array or object, holding one at a time in memory."""
    if not path.is_file():
        raise InvalidInput(f"{path} is missing.")
    with path.open("rb") as file:
        window = _Window(path, file)
        closing = "]" if window.expect("[{") == "[" else "}"
        if window.next_mark() == closing:
            return
        while True:
            key = _key(window) if closing == "}" else ""
            value, start, size = window.value()
            yield JsonRecord(key, value, start, size)
            if window.expect("," + closing) == closing:
                return


def _key(window: _Window) -> str:
    key, _, _ = window.value()
    window.expect(":")
    return str(key)


class JsonFile:
    """Records of a file that are read again one at a time, by the place they were seen at."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, start: int, size: int) -> Any:
        with self._path.open("rb") as file:
            file.seek(start)
            return json.loads(file.read(size))
