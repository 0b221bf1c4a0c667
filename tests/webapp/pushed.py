"""A foreign agent that pushes by the services: for tests on real transactions."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User

from tests.webapp.api_program import STEPS
from webapp.api import pushing
from webapp.api.pushed_experiments import Opening, open_experiment
from webapp.api.schemas import NewStep
from webapp.experiments.models import Experiment


def pushed_experiment() -> Experiment:
    """One of three trials that is open."""
    owner = User.objects.create_superuser("pusher")
    told = Opening("foreign", "doors", "reflexion", actor="", trials=3, seed=0, notes="")
    return open_experiment(told, owner)[0]


def begin(experiment: Experiment, key: str, trial: int, steps: int = 0) -> None:
    """Open an episode and send its first steps, up to two."""
    pushing.open_episode(experiment, key, trial, "Get out.")
    send(experiment, key, trial, STEPS[:steps])


def send(
    experiment: Experiment, key: str, trial: int, steps: Sequence[Mapping[str, Any]], first: int = 0
) -> None:
    """Append steps."""
    bodies = [NewStep(**step).dict() for step in steps]
    pushing.add_steps(experiment, key, trial, first, bodies)


def end(experiment: Experiment, key: str, trial: int, episode_return: float | None = None) -> None:
    """End an episode of two steps, whose rewards add up to the return."""
    success = episode_return == 1.0
    pushing.end_episode(
        experiment, key, trial, pushing.Ending(success, False, episode_return, "", steps_count=2)
    )


def push(experiment: Experiment, key: str, trial: int, episode_return: float) -> None:
    """A whole episode of two steps."""
    begin(experiment, key, trial)
    send(experiment, key, trial, [STEPS[0], STEPS[1] | {"reward": episode_return}])
    end(experiment, key, trial)
