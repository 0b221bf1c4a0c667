"""The file of answers that an import reads, each line checked before anything is stored."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from webapp.annotation.forms import KINDS, LARGEST_VALUE, AnswerForm
from webapp.annotation.models import Response
from webapp.annotation.services.answers import Answer
from webapp.annotation.services.columns import MAGIC, rows_of_parquet
from webapp.annotation.services.exchange import Line
from webapp.episodes.log_lines import has_half_pair

MOST_BYTES = 64 * 2**20
CLOCKS_DIFFER = timedelta(minutes=5)
MOST_REASONS = 50


class ImportForm(forms.Form):
    """A file as the export writes it."""

    file = forms.FileField(
        label="JSON lines or parquet file", help_text="As the export of answers writes it."
    )

    def clean_file(self) -> list[Line]:
        """The checked lines; every bad one is named."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError("Larger than 64 MB.")
        lines, problems = [], []
        for number, values in _rows(file.read()):
            try:
                lines.append(_line(number, values))
            except forms.ValidationError as problem:
                problems.append(f"line {number}: {' '.join(problem.messages)}")
            except (ValueError, OverflowError, TypeError) as problem:
                problems.append(f"line {number}: {problem}")
        if problems:
            raise forms.ValidationError(problems[:MOST_REASONS])
        return lines


def _rows(content: bytes) -> Iterator[tuple[int, bytes | dict[str, Any]]]:
    """Lines of JSON, not read yet, or the rows of a parquet file."""
    if not content.startswith(MAGIC):
        yield from ((n, raw) for n, raw in enumerate(content.splitlines(), 1) if raw.strip())
        return
    try:
        yield from enumerate(rows_of_parquet(content), 1)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def _line(number: int, raw: bytes | dict[str, Any]) -> Line:
    values = _object(raw) if isinstance(raw, bytes) else raw
    trial = values.get("trial")
    if type(trial) is not int or not 1 <= trial <= 32767:
        raise forms.ValidationError("`trial` must be a whole number from 1")
    copy = values.get("copy", 0)
    if type(copy) is not int or not 0 <= copy <= 32767:
        raise forms.ValidationError("`copy` must be a whole number")
    replaces = values.get("replaces")
    automatic = _number(values, "automatic_rating")
    return Line(
        number=number,
        experiment=_text(values, "experiment"),
        task=_text(values, "task"),
        trial=trial,
        copy=copy,
        person=_text(values, "person"),
        at=_time(values, "at"),
        said_at=None if values.get("said_at") is None else _time(values, "said_at"),
        key=_uuid(values.get("key")),
        replaces=None if replaces is None else _uuid(replaces),
        answer=_answer(values, automatic),
        automatic=automatic,
        first_kind=_first_kind(values),
        first_value=_number(values, "first_value"),
        seconds=_number(values, "seconds"),
    )


def _time(values: dict[str, Any], name: str) -> datetime:
    text = _text(values, name)
    at = parse_datetime(text) if text else None
    if at is None or timezone.is_naive(at) or at > timezone.now() + CLOCKS_DIFFER:
        raise forms.ValidationError(f"`{name}` must be a time with its zone, not in the future")
    return at


def _object(raw: bytes) -> dict[str, Any]:
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError("not JSON") from error
    if not isinstance(values, dict):
        raise forms.ValidationError("not a JSON object")
    return values


def _answer(values: dict[str, Any], automatic: float | None) -> Answer:
    if values.get("kind") == Response.Kind.WITHDRAWN:
        return Answer("withdrawn", None, None, {}, [], [], _text(values, "note"))
    rubric, reasons = values.get("rubric") or {}, values.get("reasons") or []
    if not isinstance(rubric, dict) or not isinstance(reasons, list):
        raise forms.ValidationError("`rubric` must be an object and `reasons` a list")
    kind = values.get("kind")
    data = {
        "kind": kind,
        # The value of an acceptance is the automatic rating, which has no bound.
        "value": values.get("value") if kind == Response.Kind.OVERRIDE else None,
        "confidence": values.get("confidence"),
        "spans": json.dumps(values.get("spans") or []),
        "reasons": reasons,
        "note": _text(values, "note"),
        "key": values.get("key"),
        **{f"rubric_{name}": judged for name, judged in rubric.items()},
    }
    form = AnswerForm(data, automatic=automatic, length=10**7)
    if not form.is_valid():
        raise forms.ValidationError([e for errors in form.errors.values() for e in errors])
    answer = form.answer
    return answer if answer.kind != Response.Kind.ACCEPT else _accepted(answer, automatic)


def _accepted(answer: Answer, automatic: float | None) -> Answer:
    whole = {name: getattr(answer, name) for name in Answer.__slots__}
    return Answer(**(whole | {"value": automatic}))


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or "\0" in value or has_half_pair(value):
        raise forms.ValidationError(f"`{name}` must be text")
    return value


def _first_kind(values: dict[str, Any]) -> str:
    """The answer before the next episode was shown; empty in files that do not tell it."""
    kind = _text(values, "first_kind") if values.get("first_kind") is not None else ""
    if kind not in {"", *dict(KINDS)}:
        raise forms.ValidationError("`first_kind` must be an answer's kind")
    return kind


def _number(values: dict[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not abs(value) <= LARGEST_VALUE:  # NaN is neither
        raise forms.ValidationError(f"`{name}` must be a number")
    return float(value)


def _uuid(text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError as error:
        raise forms.ValidationError("`key` and `replaces` must be UUIDs") from error
