"""What is searched for, read from the address and never trusted."""

from typing import Any

from django import forms

from webapp.experiments.models import Experiment
from webapp.search.scopes import SCOPES

LONGEST_QUERY = 300
OUTCOMES = {"solved": "solved", "unsolved": "not solved"}
ORDERS = {"newest": "Newest", "best": "Best"}


class SearchForm(forms.Form):
    """Every field is optional; a value that means nothing narrows nothing."""

    q = forms.CharField(required=False, max_length=LONGEST_QUERY, strip=True)
    scope = forms.ChoiceField(required=False, choices=[(name, name) for name in SCOPES])
    environment = forms.CharField(required=False, max_length=60)
    method = forms.ChoiceField(required=False, choices=Experiment.Method.choices)
    outcome = forms.ChoiceField(required=False, choices=list(OUTCOMES.items()))
    experiment = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    order = forms.ChoiceField(required=False, choices=list(ORDERS.items()))

    def asked(self) -> dict[str, Any]:
        """The valid fields that are set."""
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        return {"q": "", "scope": "steps", "order": "newest"} | chosen
