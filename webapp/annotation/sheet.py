"""The answer form as the page draws it: every choice with its key and whether it is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp import present
from webapp.annotation.forms import KIND_WORDS, QUICK_VALUES
from webapp.annotation.models.responses import CONFIDENCES, CRITERIA, JUDGEMENTS, REASONS

RUBRIC_KEYS = "qwert"


@dataclass(frozen=True, slots=True)
class Choice:
    """One button of the form."""

    value: str
    label: str
    key: str = ""
    help: str = ""
    chosen: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the rubric."""

    name: str
    label: str
    key: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All fields, filled."""

    kinds: list[Choice]
    value: str
    quick: list[Choice]
    confidences: list[Choice]
    rubric: list[Criterion]
    reasons: list[Choice]
    note: str


def sheet(body: Mapping[str, Any], *, may_accept: bool) -> Sheet:
    """The form filled with a draft, an earlier answer, or what was just sent."""
    kind, value = body.get("kind", ""), str(body.get("value") or "")
    chosen_reasons = body.get("reasons") or []
    return Sheet(
        kinds=[
            Choice(name, label, key, help_text, name == kind, name == "accept" and not may_accept)
            for name, (key, label, help_text) in KIND_WORDS.items()
        ],
        value=value,
        quick=[
            Choice(number, present.signed(float(number)), str(place), chosen=number == value)
            for place, number in enumerate(QUICK_VALUES, 1)
        ],
        confidences=[
            Choice(str(n), word, chosen=str(n) == str(body.get("confidence", "")))
            for n, word in CONFIDENCES
        ],
        rubric=[
            Criterion(name, label, RUBRIC_KEYS[place], _judgements(body.get(f"rubric_{name}")))
            for place, (name, label) in enumerate(CRITERIA.items())
        ],
        reasons=[Choice(n, label, chosen=n in chosen_reasons) for n, label in REASONS.items()],
        note=str(body.get("note") or ""),
    )


def _judgements(chosen: object) -> list[Choice]:
    return [Choice(value, label, chosen=value == chosen) for value, label in JUDGEMENTS.items()]
