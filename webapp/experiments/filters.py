"""The filters of the experiments list, read from the address and never trusted."""

from django import forms
from django.db.models import QuerySet

from webapp.experiments.models import Experiment


class ExperimentFilter(forms.Form):
    """Every field is optional; a value that means nothing filters nothing."""

    q = forms.CharField(required=False, max_length=160, strip=True)
    environment = forms.CharField(required=False, max_length=60)
    method = forms.ChoiceField(
        required=False, choices=[("", "Any method"), *Experiment.Method.choices]
    )
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *Experiment.Status.choices]
    )

    def narrow(self, experiments: "QuerySet[Experiment]") -> "QuerySet[Experiment]":
        """Keep the experiments that the valid filters allow."""
        self.is_valid()
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        if words := chosen.pop("q", ""):
            experiments = experiments.filter(name__icontains=words)
        return experiments.filter(**chosen)

    @property
    def is_used(self) -> bool:
        """Whether any filter is set."""
        return any(self.cleaned_data.values())
