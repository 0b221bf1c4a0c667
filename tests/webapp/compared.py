"""Experiments on the same doors whose comparison can be worked out by hand."""

from tests.webapp.played import CONFIG, play
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment
from webapp.tasks.models import TaskSet


def another(
    first: Experiment, name: str, returns: dict[str, list[float]], **columns: object
) -> Experiment:
    """A finished experiment on the tasks of `first` with these returns by task and trial."""
    task_set = TaskSet.objects.get(pk=first.task_set_id)
    made = create_experiment(name=name, task_set=task_set, config=CONFIG)
    for row in made.experiment_tasks.select_related("task"):
        play(row, returns[row.task.key])
    Experiment.objects.filter(pk=made.pk).update(status="finished", **columns)
    made.refresh_from_db()
    return made
