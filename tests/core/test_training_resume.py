"""Killed and stopped trainers go on with the losses of an uninterrupted run."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retro_core.training.checkpoints import latest_checkpoint
from retro_core.training.launch import prepare_resume, request_stop
from retro_core.training.outcome import read_outcome
from tests.core.training_world import make_base_model, metrics, tiny_spec, train, write_snapshot

FIGURES = {
    "sft": ["loss", "grad_norm"],
    "reward_model": ["loss", "grad_norm"],
    "ppo": ["loss", "reward", "kl", "grad_norm"],
    "grpo": ["loss", "reward", "kl", "grad_norm"],
}

PEAKS = {"peak_memory_gb", "peak_gpu_memory_gb"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Sums must be added up in the same order in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("resume")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


@pytest.fixture(scope="module")
def exit_codes(world):
    """The exit codes of trainers that were killed in `world`."""
    here = Path(__file__).parent
    command = [sys.executable, str(here / "training_children.py"), str(world)]
    paths = {"PYTHONPATH": str(here.parents[1]), "OMP_NUM_THREADS": "1", "HOME": str(world)}
    done = subprocess.run(command, env=paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("stage", FIGURES)
def test_after_kill_9_the_losses_are_those_of_an_uninterrupted_run(world, exit_codes, stage):
    killed = world / f"{stage}-killed"
    died_at = latest_checkpoint(killed)
    left_behind = read_outcome(killed), (killed / "adapter").exists()

    resumed = train(tiny_spec(world, stage), killed)
    whole = train(tiny_spec(world, stage), world / f"{stage}-whole")

    assert exit_codes[stage] == -signal.SIGKILL
    assert died_at.name == "checkpoint-4"
    assert left_behind == (None, False)
    for name in FIGURES[stage]:
        expected = metrics(world / f"{stage}-whole", name)
        assert metrics(killed, name) == expected
        assert list(expected) == [1, 2, 3, 4, 5, 6]
    assert (resumed.status, resumed.step) == ("done", 6)
    assert resumed.checksum == whole.checksum


def test_a_checkpoint_that_was_being_written_does_not_count(world, exit_codes):
    killed = world / "saving-killed"
    newest = latest_checkpoint(killed)

    resumed = train(tiny_spec(world, "sft"), killed)
    whole = train(tiny_spec(world, "sft"), world / "saving-whole")

    assert exit_codes["saving"] == -signal.SIGKILL
    assert newest.name == "checkpoint-2"
    assert metrics(killed, "loss") == metrics(world / "saving-whole", "loss")
    assert resumed.checksum == whole.checksum


# PPO ends after the step in which the signal comes; the libraries' loop after the next.
@pytest.mark.parametrize(("stage", "step"), [("ppo", 3), ("sft", 5)])
def test_sigterm_saves_a_checkpoint_from_which_the_run_goes_on(world, exit_codes, stage, step):
    stopped = world / f"sigterm_{stage}-killed"
    outcome = read_outcome(stopped)
    newest = latest_checkpoint(stopped)

    prepare_resume(stopped)
    resumed = train(tiny_spec(world, stage), stopped)
    whole = train(tiny_spec(world, stage), world / f"sigterm_{stage}-whole")

    assert exit_codes[f"sigterm_{stage}"] == 3
    assert (outcome.status, outcome.step, outcome.adapter) == ("stopped", step, "")
    assert newest.name == f"checkpoint-{step}"
    assert resumed.checksum == whole.checksum


@pytest.mark.parametrize("stage", FIGURES)
def test_a_stop_file_ends_the_run_after_its_step_with_a_checkpoint(world, stage):
    out = world / f"{stage}-stop-file"
    out.mkdir()
    request_stop(out)

    outcome = train(tiny_spec(world, stage), out)

    assert (outcome.status, outcome.step) == ("stopped", 1)
    assert latest_checkpoint(out).name == "checkpoint-1"
    assert not (out / "adapter").exists()


@pytest.mark.parametrize("stage", FIGURES)
def test_a_run_that_was_killed_after_its_last_update_makes_no_other(world, stage):
    out, spec = world / f"{stage}-ended", tiny_spec(world, stage)
    # The fourth update lies amid a pass over the items.
    spec = replace(spec, optimisation=replace(spec.optimisation, max_steps=4))
    first = train(spec, out)
    (out / "result.json").unlink()

    second = train(spec, out)

    assert (second.step, second.checksum) == (4, first.checksum)
    assert list(metrics(out, "loss")) == [1, 2, 3, 4]
    assert first.figures.keys() - PEAKS
    for name in first.figures.keys() - PEAKS:
        assert second.figures[name] == first.figures[name]


def test_a_run_that_is_done_is_left_alone(world):
    out = world / "twice"
    first = train(tiny_spec(world, "sft"), out)
    told = (out / "metrics.jsonl").read_bytes()

    second = train(tiny_spec(world, "sft"), out)

    assert second == first
    assert (out / "metrics.jsonl").read_bytes() == told
