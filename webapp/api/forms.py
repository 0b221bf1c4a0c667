from django import forms
from django.contrib.auth.models import User

from webapp.api.models import Scope, Token

MOST_TOKENS = 50


class TokenForm(forms.Form):
    """A new token: what it is for, and what it may do."""

    name = forms.CharField(max_length=80, help_text="What it is for, so that you can tell it.")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        label="What it may do",
        help_text="Never more than your own role allows.",
    )

    def save(self, user: User) -> str | None:
        """Make the token and return its text; None with an error if there are too many."""
        if Token.objects.usable().filter(user=user).count() >= MOST_TOKENS:
            self.add_error(None, f"You have {MOST_TOKENS} tokens: revoke one first.")
            return None
        _, text = Token.objects.make(user, self.cleaned_data["name"], self.cleaned_data["scopes"])
        return text
