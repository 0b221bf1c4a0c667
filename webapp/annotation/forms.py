"""The form of an answer, strict when submitted and lenient while it is a draft."""

import json
from typing import Any

from django import forms

from webapp.annotation.models.responses import (
    CONFIDENCES,
    CRITERIA,
    JUDGEMENTS,
    REASONS,
    Response,
    is_span,
)
from webapp.annotation.services.answers import Answer, Seen
from webapp.episodes.log_lines import LARGEST_NUMBER

LARGEST_VALUE = 2 * LARGEST_NUMBER  # a rating is the difference of two returns
LONGEST_SECONDS = 86_400.0
MOST_SPANS = 50
MOST_NOTE = 4000
KINDS = [(kind.value, kind.label) for kind in Response.Kind if kind != Response.Kind.WITHDRAWN]
KIND_WORDS = {
    "accept": ("a", "Accept", "the automatic rating is right"),
    "override": ("o", "Override", "another value is right"),
    "unsure": ("u", "Unsure", "no value from me"),
    "discard": ("d", "Discard", "not fit to be rated"),
}
QUICK_VALUES = ["-1", "-0.5", "0", "0.5", "1"]


class SpansField(forms.Field):
    """Highlights as JSON: a list of {start, end, label} in characters of the reflection."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> list[dict[str, Any]]:  # Django's signature
        try:
            spans = json.loads(value or "[]")
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, too
            raise forms.ValidationError("The highlights cannot be read.") from error
        if not isinstance(spans, list) or len(spans) > MOST_SPANS:
            raise forms.ValidationError(f"At most {MOST_SPANS} highlights.")
        return [_span(span) for span in spans]

    def validate(self, value: Any) -> None:
        """An empty list is fine."""


class DraftForm(forms.Form):
    """What was typed so far. Only nonsense is refused, never the unfinished."""

    kind = forms.ChoiceField(required=False, choices=[("", ""), *KINDS])
    value = forms.CharField(required=False, max_length=40)
    confidence = forms.ChoiceField(
        required=False, choices=[("", ""), *((str(n), word) for n, word in CONFIDENCES)]
    )
    reasons = forms.MultipleChoiceField(required=False, choices=list(REASONS.items()))
    spans = SpansField(required=False)
    note = forms.CharField(required=False, max_length=MOST_NOTE, strip=False)
    key = forms.UUIDField(required=False)
    tab = forms.CharField(required=False, max_length=40)  # which page of the browser wrote it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", ""), *JUDGEMENTS.items()]
        for name in CRITERIA:
            self.fields[f"rubric_{name}"] = forms.ChoiceField(required=False, choices=choices)


class AnswerForm(DraftForm):
    """A finished answer to an item whose automatic rating is known."""

    kind = forms.ChoiceField(choices=KINDS, error_messages={"required": "Choose an answer."})
    value = forms.FloatField(  # type: ignore[assignment]  # stricter than the draft's
        required=False, min_value=-LARGEST_VALUE, max_value=LARGEST_VALUE
    )
    key = forms.UUIDField(error_messages={"required": "Open the item again."})
    seconds = forms.FloatField(required=False, min_value=0)
    version = forms.IntegerField(required=False, min_value=0)

    def __init__(self, *args: Any, automatic: float | None, length: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.automatic, self.length = automatic, length

    def clean_seconds(self) -> float | None:
        """A tab may stay open for a week; nobody reads for more than a day."""
        seconds: float | None = self.cleaned_data["seconds"]
        return None if seconds is None else min(seconds, LONGEST_SECONDS)

    def clean_spans(self) -> list[dict[str, Any]]:
        """Highlights lie inside the reflection."""
        spans: list[dict[str, Any]] = self.cleaned_data["spans"]
        if any(span["end"] > self.length for span in spans):
            raise forms.ValidationError("A highlight lies outside the reflection.")
        return spans

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        kind, value = values.get("kind"), values.get("value")
        if kind == Response.Kind.OVERRIDE and value is None and "value" not in self.errors:
            self.add_error("value", "Give the value that is right.")
        if kind == Response.Kind.ACCEPT and self.automatic is None:
            self.add_error("kind", "There is no automatic rating to accept yet.")
        if kind != Response.Kind.OVERRIDE:
            values |= {"value": None, "reasons": []}
        return values

    @property
    def seen(self) -> Seen | None:
        """The draft that the writer saw last; None where no page sent this."""
        version = self.cleaned_data["version"]
        return None if version is None else Seen(version, self.cleaned_data["tab"])

    @property
    def answer(self) -> Answer:
        """The checked answer."""
        values = self.cleaned_data
        rubric = {name: values[f"rubric_{name}"] for name in CRITERIA}
        return Answer(
            kind=values["kind"],
            value=values["value"],
            confidence=int(values["confidence"]) if values["confidence"] else None,
            rubric={name: judged for name, judged in rubric.items() if judged},
            reasons=sorted(values["reasons"]),
            spans=values["spans"],
            note=values["note"].strip(),
        )


def _span(span: Any) -> dict[str, Any]:  # what JSON holds
    """A highlight, or a refusal."""
    if not is_span(span):
        raise forms.ValidationError("A highlight needs start, end and label.")
    return {name: span[name] for name in ("start", "end", "label")}
