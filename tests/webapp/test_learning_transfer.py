"""The transfer matrix: success of each training group on each kind of chore."""

from dataclasses import replace

import pytest

from retro_core.config import ExperimentConfig
from retro_core.types import Task
from tests.webapp.played import play
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.transfer import GROUPS, Matrix, lines
from webapp.tasks.services import save_task_set

pytestmark = pytest.mark.django_db
KINDS = {
    "carried-0": "pick_and_place_simple",
    "carried-1": "look_at_obj_in_light",
    "changed-0": "pick_heat_then_place_in_recep",
    "changed-1": "pick_cool_then_place_in_recep",
}


def experiment(name: str, solved: set[str]) -> Experiment:
    """Two chores of each group, each tried once."""
    tasks = [
        replace(Task(key, "doors", f"Do {key}."), task_type=kind) for key, kind in KINDS.items()
    ]
    task_set = save_task_set(f"{name} chores", "doors", "train", tasks, source="by hand")
    config = ExperimentConfig(method="react", trials=1)
    made = create_experiment(name=name, task_set=task_set, config=config)
    for row in made.experiment_tasks.select_related("task"):
        play(row, [1.0 if row.task.key in solved else 0.0])
    return made


def test_six_kinds_of_chore_make_two_groups_of_three() -> None:
    assert {name: len(kinds) for name, kinds in GROUPS.items()} == {"carried": 3, "changed": 3}
    assert not set(GROUPS["carried"]) & set(GROUPS["changed"])


def test_the_matrix_tells_trained_from_other_chores() -> None:
    arms = {
        "nothing (reflexion)": experiment("plain", set()),
        "things carried": experiment("carried", {"carried-0", "carried-1", "changed-0"}),
    }

    told = list(lines(Matrix(replace(PROTOCOLS["small"], trials=1), arms)))

    plain, trained = (line.split(" | ") for line in told[2:4])
    assert plain[1] == "0 [0, 0] of 2"
    # of the two chores carried both, of the two changed one: 0 or 1 in any bootstrap draw
    assert trained[1:3] == ["100 [100, 100] of 2", "50 [0, 100] of 2"]
    assert "| things carried | things carried | +100 [100, 100] |" in told
    assert "| things carried | things changed | +50 [0, 100] |" in told
