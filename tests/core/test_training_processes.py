"""The trainer as real processes: one from the command line, and two that train together."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from retro_core.training.launch import (
    TAKEN,
    TRAINER_ENVIRONMENT,
    prepare_resume,
    request_stop,
    trainer_command,
)
from retro_core.training.outcome import read_outcome
from retro_core.training.run import claimed
from retro_core.training.spec import LaunchSpec
from tests.core.training_world import make_base_model, metrics, tiny_spec, write_snapshot

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("processes")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


def launch(spec, out):
    """Start the trainer as the application would; return the exit code of the launcher."""
    out.mkdir(exist_ok=True)
    path = out.with_suffix(".json")
    path.write_text(json.dumps(spec.to_json()))
    surroundings = {**os.environ, **TRAINER_ENVIRONMENT, "OMP_NUM_THREADS": "1"}  # noqa: TID251
    command = trainer_command(path, out, spec.launch)
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, check=False)
    return done.returncode


def test_the_command_line_trains_and_tells(world):
    out = world / "alone"

    exit_code = launch(tiny_spec(world, "sft"), out)

    assert exit_code == 0
    assert read_outcome(out).status == "done"
    assert json.loads((out / "spec.json").read_text())["stage"] == "sft"
    assert "step 6, train" in (out / "trainer.log").read_text()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_processes_that_find_another_trainer_at_work_mark_the_folder(world):
    out = world / "taken"
    spec = replace(tiny_spec(world, "sft"), launch=LaunchSpec(processes=2))

    with claimed(out, spec):
        exit_code = launch(spec, out)

    assert exit_code == 1  # the launcher's own, whatever the trainer's was
    assert (out / TAKEN).exists()
    assert read_outcome(out) is None


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("stage", ["sft", "ppo"])
def test_two_processes_make_one_adapter_and_stop_together(world, stage):
    out = world / f"two-{stage}"
    spec = replace(tiny_spec(world, stage), launch=LaunchSpec(processes=2))
    out.mkdir()
    request_stop(out)

    launch(spec, out)
    stopped = read_outcome(out)
    prepare_resume(out)
    launch(spec, out)

    assert (stopped.status, stopped.step) == ("stopped", 1)
    assert (read_outcome(out).status, read_outcome(out).step) == ("done", 6)
    assert list(metrics(out, "loss")) == [1, 2, 3, 4, 5, 6]
    assert (out / "adapter/adapter_model.safetensors").is_file()
