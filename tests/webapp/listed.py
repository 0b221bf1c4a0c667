"""What tests of the experiments list share."""

from django.http import HttpResponse

from tests.webapp.played import new_experiment
from webapp.experiments.models import Experiment


def names(response: HttpResponse) -> list[str]:
    return [row.name for group in response.context["groups"] for row in group.rows]


def drafts(*made: str) -> list[Experiment]:
    first = new_experiment(made[0])
    rest = [
        Experiment.objects.create(name=name, task_set=first.task_set, method="react")
        for name in made[1:]
    ]
    return [first, *rest]
