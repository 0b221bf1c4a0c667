"""What one row alone can tell: every row of every file is checked before anything is written."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from retro_core.errors import InvalidInput
from webapp.annotation.models import Response
from webapp.annotation.models.responses import is_span
from webapp.episodes.log_lines import METHODS, check_storable, moment, read_values
from webapp.episodes.models import Reflection
from webapp.exchange.columns import Row, check_row
from webapp.exchange.reading import Found

SHOWN = 100
VALUED = {Response.Kind.ACCEPT, Response.Kind.OVERRIDE}
JSON_COLUMNS = {"payload": dict, "config": dict, "rubric": dict, "spans": list}
TIME_COLUMNS = ("created_at", "started_at", "finished_at", "written_at", "at")


class BadRows:
    """Every bad row with its reason in a file; the first ones also at hand."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.first: list[dict[str, str | int]] = []
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(["file", "row", "reason"])

    def add(self, file: str, number: int, reason: str) -> None:
        """Note a bad row."""
        self.count += 1
        self._writer.writerow([file, number, reason])
        if len(self.first) < SHOWN:
            self.first.append({"file": file, "row": number, "reason": reason[:500]})

    def __enter__(self) -> "BadRows":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()


def problem(found: Found) -> str:
    """Why a row cannot be taken, whatever is stored here; empty if it can."""
    if found.error:
        return found.error
    try:
        _check(found)
    except InvalidInput as error:
        return str(error)
    except RecursionError:
        return "lists in lists too deep to be looked at"
    return ""


def _check(found: Found) -> None:
    if found.table.name == "episodes":
        read_values(found.values, found.number)
        check_storable(found.values)
        return
    check_row(found.values, found.table.columns)
    _check_parts([found.values])
    match found.table.name:
        case "experiments":
            _check_method(found.values)
        case "reflections":
            _check_choice(found.values, "source", Reflection.Source.values)
        case "ratings":
            _check_ratings(found.values)


def _check_parts(rows: Iterable[Row]) -> None:
    """JSON kept as text, and times."""
    for row in rows:
        for name, kind in JSON_COLUMNS.items():
            if row.get(name):
                check_storable(json_value(row, name, kind))
        for name in TIME_COLUMNS:
            if row.get(name):
                moment(row[name], name)


def json_value(row: Row, name: str, kind: type) -> Any:  # JSON values are of any type
    """The value that a column of JSON text holds; the empty one where there is no text."""
    text = row.get(name)
    if not text:
        return kind()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not JSON: {error}") from error
    if not isinstance(value, kind):
        raise InvalidInput(f"{name} must hold {'an object' if kind is dict else 'a list'}")
    return value


def _check_method(row: Row) -> None:
    if row["method"] not in METHODS:
        raise InvalidInput(f"method {row['method']!r} is not one of {', '.join(METHODS)}")


def _check_choice(row: Row, name: str, known: Iterable[str]) -> None:
    if row.get(name) and row[name] not in known:
        raise InvalidInput(f"{name} {row[name]!r} is not one of {', '.join(known)}")


def _check_ratings(row: Row) -> None:
    responses, decisions = row.get("responses") or [], row.get("decisions") or []
    _check_parts(responses)
    _check_parts(decisions)
    seen: set[str] = set()
    for place, response in enumerate(responses, start=1):
        try:
            _check_response(response, seen)
        except InvalidInput as error:
            raise InvalidInput(f"responses {place}: {error}") from error
    for place, decision in enumerate(decisions, start=1):
        if bool(decision.get("withdrawn")) != (decision.get("value") is None):
            raise InvalidInput(f"decisions {place}: either a value or withdrawn")
        if decision.get("withdrawn") and decision.get("gold"):
            raise InvalidInput(f"decisions {place}: withdrawn and gold at once")


def _check_response(row: Row, seen: set[str]) -> None:
    _check_choice(row, "kind", Response.Kind.values)
    if (row["kind"] in VALUED) != (row.get("value") is not None):
        raise InvalidInput(f"the kind {row['kind']!r} and its value do not fit")
    if not all(is_span(span) for span in json_value(row, "spans", list)):
        raise InvalidInput(
            "spans: each needs start, end and label, as the annotation page has them"
        )
    for name in ("key", "replaces"):
        if row.get(name):
            _check_key(row[name], name)
    replaces = row.get("replaces")
    if replaces and replaces not in seen:
        raise InvalidInput("replaces an answer that does not come before it")
    if row["kind"] == Response.Kind.WITHDRAWN and not replaces:
        raise InvalidInput("withdraws nothing")
    if row["key"] in seen:
        raise InvalidInput("a key that an earlier answer has")
    seen.add(row["key"])


def _check_key(text: str, name: str) -> None:
    try:
        UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is no UUID: {text!r}") from error
