from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import QueryDict

from retro_core.errors import InvalidInput
from webapp.accounts.roles import ANNOTATOR, ROLES
from webapp.accounts.services import add_person

CHOICES = [(role, role) for role in ROLES]


class PersonForm(forms.Form):
    """A new account: whose, and what it may do."""

    name = forms.CharField(
        label="User name",
        max_length=150,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(choices=CHOICES, initial=ANNOTATOR)

    def save(self) -> User | None:
        """Make the account; None with an error if the name cannot be had."""
        try:
            return add_person(self.cleaned_data["name"], self.cleaned_data["role"])
        except InvalidInput as error:
            self.add_error("name", str(error))
            return None


class RoleForm(forms.Form):
    """The role of one person."""

    role = forms.ChoiceField(choices=CHOICES)


def password_form(
    person: User, sent: QueryDict | None, *, asks_old: bool
) -> "SetPasswordForm[User]":
    """The form for a new password, which says what a password must be."""
    form = (PasswordChangeForm if asks_old else SetPasswordForm)(person, sent)
    form.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
    return form
