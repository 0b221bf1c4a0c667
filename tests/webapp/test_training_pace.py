"""How long a step takes, and how long a run will take, told before and while it trains."""

from dataclasses import replace
from typing import Any

import pytest

from retro_core.training.dry_run import DryRun
from retro_core.training.presets import PRESETS
from retro_core.training.spec import TrainingSpec
from tests.webapp.training_world import taken_snapshot
from webapp.training.models import MetricPoint, TrainingRun
from webapp.training.services.dry_runs import seconds_per_step, seconds_per_update
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


def counted(**known: Any) -> DryRun:
    """A dry run of which only these numbers matter."""
    names = [name for name in DryRun.__dataclass_fields__ if name != "problem"]
    return DryRun(**{**dict.fromkeys(names, 0), **known})


def changed(spec: TrainingSpec, section: str, **values: Any) -> TrainingSpec:
    """The specification with some settings of a section replaced."""
    return replace(spec, **{section: replace(getattr(spec, section), **values)})


@pytest.mark.parametrize(
    ("stage", "other"),
    [
        ("ppo", changed(CPU["ppo"], "reward", kind="retries")),
        ("ppo", changed(CPU["ppo"], "optimisation", micro_batch_size=2)),
        ("ppo", replace(CPU["ppo"], gradient_checkpointing=True)),
        ("grpo", changed(CPU["grpo"], "grpo", iterations=2)),
        ("reward_model", changed(CPU["reward_model"], "reward_model", objective="pairwise")),
    ],
)
def test_a_run_whose_updates_do_other_work_lends_no_pace(stage: str, other: TrainingSpec) -> None:
    last = stepped_run(5.0, 15.0, stage="sft")
    same = CPU[stage]  # type: ignore[index]  # each is a stage
    TrainingRun.objects.update(spec=same.to_json())
    last.refresh_from_db()

    assert seconds_per_update(same, counted(), last) == (10.0, "the pace of first")
    assert seconds_per_update(other, counted(), last)[1] == "two CPU cores"


@pytest.mark.parametrize(
    ("stage", "weight_bytes", "seconds"),
    [
        ("sft", 538_000_000, 10.0),
        ("sft", 269_000_000, 5.0),
        ("ppo", 538_000_000, 40.0),  # 10 s to score, 2 x 10 s to learn, 10 s to write
        ("ppo", 269_000_000, 25.0),  # narrower weights: writing takes as long
        ("grpo", 538_000_000, 25.0),  # 10 s to score, 10 s to learn; each text serves two updates
    ],
)
def test_without_a_run_the_time_of_an_update_goes_by_measured_speeds(
    stage: str, weight_bytes: int, seconds: float
) -> None:
    spec = changed(CPU[stage], "tokens", completion=190)  # type: ignore[index]  # each is a stage
    spec = changed(changed(spec, "grpo", iterations=2), "ppo", epochs=2)
    found = counted(
        tokens_per_update=1440, parameters=134_500_000, weight_bytes=weight_bytes
    )  # 144 tokens a second are learned from, 76 are written: 4 x 190 of an update

    assert seconds_per_update(spec, found, None) == (pytest.approx(seconds), "two CPU cores")
