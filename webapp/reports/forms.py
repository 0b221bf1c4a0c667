"""What people write into reports and reviews."""

from django import forms
from django.contrib.auth.models import User

from webapp.reports.models import Review

LONGEST_TEXT, LONGEST_NOTE = 100_000, 4_000


class ReportForm(forms.Form):
    """A title and a text; `seen` is the version that the writer began with."""

    title = forms.CharField(max_length=160)
    text = forms.CharField(
        required=False, max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 24})
    )
    seen = forms.IntegerField(min_value=0, max_value=2**31 - 2, widget=forms.HiddenInput)


class AskForm(forms.Form):
    """Whom to ask, and for what."""

    reviewer = forms.ModelChoiceField(
        User.objects.filter(is_active=True, groups__isnull=False).distinct()
    )
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)


class AnswerForm(forms.Form):
    """A verdict; changes need a word on what to change."""

    state = forms.ChoiceField(choices=[("approved", ""), ("changes", "")])
    comment = forms.CharField(required=False, max_length=LONGEST_NOTE)

    def clean(self) -> dict[str, str]:
        """Refuse a wordless request for changes."""
        cleaned: dict[str, str] = super().clean() or {}
        if cleaned.get("state") == Review.State.CHANGES and not cleaned.get("comment"):
            raise forms.ValidationError("Say what should change.")
        return cleaned
