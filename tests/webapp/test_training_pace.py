"""How long a step takes, and how long a run will take, told before and while it trains."""

import pytest

from retro_core.training.presets import PRESETS
from tests.webapp.training_world import taken_snapshot
from webapp.training.models import MetricPoint, TrainingRun
from webapp.training.services.dry_runs import seconds_per_step
from webapp.training.services.runs import launch

pytestmark = pytest.mark.django_db
CPU = PRESETS["cpu-small"]


def stepped_run(*seconds: float, stage: str = "sft") -> TrainingRun:
    """A run whose steps ended at these seconds of their trainer process."""
    spec = CPU[stage]  # type: ignore[index]  # each is a stage
    run = launch(name="first", snapshot=taken_snapshot(), spec=spec, preset="cpu-small")
    MetricPoint.objects.bulk_create(
        MetricPoint(run=run, split="train", name="loss", step=step, value=1.0, seconds=at)
        for step, at in enumerate(seconds, start=1)
    )
    return run


@pytest.mark.parametrize(
    ("seconds", "pace"),
    [
        ((5.0, 15.0, 25.0), 10.0),
        ((100.0, 110.0, 120.0, 40.0, 42.0), 2.0),  # went on in a second process
        ((100.0, 110.0, 120.0, 40.0), None),  # of which one step is known
        ((100.0, 110.0, 40.0, 60.0, 9.0, 12.0, 15.0), 3.0),
    ],
)
def test_the_pace_is_that_of_the_newest_trainer_process(
    seconds: tuple[float, ...], pace: float | None
) -> None:
    assert seconds_per_step(stepped_run(*seconds)) == pace
