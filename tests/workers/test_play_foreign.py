"""A world of another package that fails while an agent plays it."""

import pytest

from retro_core.config import ExperimentConfig
from retro_core.envs.base import env_spec
from tests.foreign_packages import Install, install
from tests.workers import doors
from webapp.experiments.models import ExperimentTask
from webapp.experiments.services import create_experiment
from webapp.tasks.services import generated_set
from workers.playing import HeldTask, play_task

__all__ = ["install"]
pytestmark = pytest.mark.django_db(transaction=True)
WEAK = """
class Weak(Bell):
    def reset(self, task):
        self.n = task.payload["n"]
        return super().reset(task)
    def step(self, action):
        return super().step(action) if self.n else {}["rope"]
SPEC = spec(create=Weak)
"""


def test_a_world_that_fails_ends_that_task_alone_with_its_reason(install: Install) -> None:
    install("weak_bell", WEAK)
    task_set = generated_set("bell", "train", 2, 0)
    config = ExperimentConfig(method="react", trials=1)
    experiment = create_experiment(name="Bells", task_set=task_set, config=config)
    parts = doors.parts(lambda *asked: "ring", env=env_spec("bell").create, config=config)

    for row in ExperimentTask.objects.filter(experiment=experiment).select_related("task"):
        play_task(HeldTask(row), parts, lambda between_trials: True)

    ended = experiment.experiment_tasks.order_by("position").values_list("state", "error")
    assert list(ended) == [
        ("failed", "Bell failed with an error of its own: KeyError: 'rope'"),
        ("solved", ""),
    ]
    assert experiment.episodes.count() == 1
