"""The specification, the snapshot file, the command line, and the files of the monitor."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from retro_core.errors import InvalidInput
from retro_core.training.checkpoints import keep_newest, latest_checkpoint, seal
from retro_core.training.launch import TRAINER_ENVIRONMENT, trainer_command
from retro_core.training.monitor import Monitor
from retro_core.training.ppo import learning_rate_scale
from retro_core.training.ppo_experience import rows_of_update
from retro_core.training.presets import PRESETS
from retro_core.training.sampling import is_looping, mask_to_end, text_figures
from retro_core.training.snapshot import Snapshot, read_snapshot, write_snapshot
from retro_core.training.spec import (
    LaunchSpec,
    OptimisationSpec,
    TrainingSpec,
    check_spec,
    read_spec,
)
from tests.core.training_world import reflections, tiny_spec, torch

ROOT = Path(__file__).resolve().parents[2]


def test_a_specification_survives_json(tmp_path):
    spec = tiny_spec(tmp_path, "ppo")
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec.to_json()))

    assert read_spec(path) == spec


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stage": "dpo"}, "stage"),
        ({"optimisation": {"learning_rte": 1}}, "learning_rte"),
        ({"optimisation": {"learning_rate": "fast"}}, "learning_rate"),
        ({"lora": {"rank": 0}}, "rank"),
        ({"dataset": {"path": ""}}, "dataset.path"),
        ({"base_model": {"folder": "base", "name": "/srv/base"}}, "base_model.name"),
        ({"reward": {"kind": "reward_model", "folder": ""}}, "reward.folder"),
        ({"optimisation": {"max_steps": 0}}, "optimisation.max_steps"),
        ({"ppo": {"minibatch_size": 3}}, "ppo.minibatch_size"),
        ({"lora": {"dropout": 0.1}}, "lora.dropout"),
        ({"stage": "grpo", "grpo": {"group_size": 3}}, "grpo.group_size"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, change, named):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**tiny_spec(tmp_path, "ppo").to_json(), **change}))

    with pytest.raises(InvalidInput, match=named):
        read_spec(path)


def test_presets_are_complete_specifications():
    for name, stages in PRESETS.items():
        for stage, preset in stages.items():
            given = tiny_spec(Path("world"), stage)
            spec = replace(
                preset, dataset=given.dataset, base_model=given.base_model, reward=given.reward
            )
            check_spec(spec)
            assert spec.stage == stage, name


def test_the_paper_s_figures():
    paper = PRESETS["paper"]

    assert (paper["sft"].optimisation.learning_rate, paper["sft"].optimisation.epochs) == (1e-5, 2)
    assert paper["reward_model"].optimisation.learning_rate == 2.5e-5
    assert paper["ppo"].optimisation.learning_rate == 1.4e-5
    assert (paper["ppo"].optimisation.batch_size, paper["ppo"].ppo.epochs) == (64, 4)
    assert paper["ppo"].optimisation.max_steps * 64 >= 20_000
    assert {paper["ppo"].lora.rank, PRESETS["paper_rank_1"]["ppo"].lora.rank} == {1, 4}


def test_the_command_for_one_process_for_two_and_for_two_hosts():
    spec, out = Path("spec.json"), Path("run")
    trainer = ["-m", "retro_core.training", "spec.json", "--out", "run"]

    assert trainer_command(spec, out, LaunchSpec()) == [sys.executable, *trainer]
    two = trainer_command(spec, out, LaunchSpec(processes=2))
    assert two[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    hosts = LaunchSpec(processes=4, hosts=2, rendezvous="gpu-1:29400")
    there = trainer_command(spec, out, hosts, host_rank=1)
    assert {"--nnodes=2", "--node_rank=1", "--master_addr=gpu-1", "--master_port=29400"} < set(
        there
    )
    assert there[-5:] == trainer


def test_the_modules_the_web_reads_load_no_model_library():
    names = ["spec", "presets", "launch", "outcome", "failures", "snapshot", "monitor"]
    modules = ", ".join(f"retro_core.training.{name}" for name in names)
    code = f"import sys, {modules}; print({{'torch', 'transformers', 'peft'}} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
    assert TRAINER_ENVIRONMENT["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_a_snapshot_file_gives_back_what_was_written(tmp_path):
    rows = reflections()
    snapshot = Snapshot(tuple(rows[:-4]), tuple(rows[-4:]))
    write_snapshot(tmp_path / "snapshot.jsonl", snapshot)

    read = read_snapshot(tmp_path / "snapshot.jsonl", validation_fraction=0.5, seed=0)

    assert read == snapshot


def test_without_marks_whole_tasks_are_held_out(tmp_path):
    path = tmp_path / "snapshot.jsonl"
    write_snapshot(path, Snapshot(tuple(reflections(tasks=30)), ()))
    path.write_text(path.read_text().replace(', "split": "train"', ""))

    read = read_snapshot(path, validation_fraction=0.3, seed=1)

    trained = {row.task_id for row in read.train}
    held = {row.task_id for row in read.validation}
    assert len(trained) + len(held) == 30
    assert 3 <= len(held) <= 16
    assert read == read_snapshot(path, validation_fraction=0.3, seed=1)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "line 2 of snapshot.jsonl is not JSON"),
        ("[]", "not a JSON object"),
        ('{"task_id": "a"}', "environment must be of type str"),
        (None, "split must be train or validation"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, named):
    path = tmp_path / "snapshot.jsonl"
    write_snapshot(path, Snapshot(tuple(reflections()[:1]), ()))
    bad = path.read_text().strip().replace('"train"', '"test"') if line is None else line
    path.write_text(path.read_text() + bad + "\n")

    with pytest.raises(InvalidInput, match=named):
        read_snapshot(path, validation_fraction=0.2, seed=0)


def test_a_task_on_both_sides_is_refused(tmp_path):
    rows = tuple(reflections()[:2])
    write_snapshot(tmp_path / "snapshot.jsonl", Snapshot(rows[:1], rows[1:]))

    with pytest.raises(InvalidInput, match="'task-0' is both in"):
        read_snapshot(tmp_path / "snapshot.jsonl", validation_fraction=0.2, seed=0)


def test_half_a_line_of_a_killed_process_swallows_no_later_line(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "va')

    Monitor(tmp_path).log(3, "train", {"loss": 0.5, "kl": float("nan")})

    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert lines[1] == '{"step": 2, "va'
    assert json.loads(lines[2])["values"] == {"loss": 0.5}


def test_only_the_newest_whole_checkpoints_are_kept_and_found(tmp_path):
    for step in (2, 9, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/weights").write_bytes(b"12345")
        seal(tmp_path / f"checkpoint-{step}")
    keep_newest(tmp_path, 2)
    (tmp_path / "checkpoint-10/weights").write_bytes(b"123")

    assert latest_checkpoint(tmp_path).name == "checkpoint-9"
    assert not (tmp_path / "checkpoint-2").exists()


def test_the_mask_ends_with_the_first_end_token():
    ids = torch.tensor([[5, 1, 1, 7], [5, 6, 7, 8], [1, 5, 1, 5]])

    mask, finished = mask_to_end(ids, end=1)

    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert finished.tolist() == [True, False, True]


def test_repeats_and_loops_are_counted():
    loop = "go to the desk and " * 3
    told = text_figures(["Take  the mug", "take the mug", "look", loop])

    assert told == {"repeat_share": 0.25, "loop_share": 0.25}
    assert not is_looping("go to the desk and go to the desk")


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("linear", 0, 0.5),
        ("linear", 1, 1.0),
        ("linear", 2, 1.0),
        ("linear", 6, 0.5),
        ("constant", 9, 1.0),
        ("cosine", 6, 0.5),
    ],
)
def test_the_learning_rate_rises_and_falls(schedule, step, expected):
    rates = OptimisationSpec(max_steps=10, warmup_steps=2, schedule=schedule)

    assert learning_rate_scale(rates, step) == pytest.approx(expected)


def test_updates_walk_through_all_failures_before_any_comes_again():
    rows = reflections(tasks=3, trials=1)  # 6 rows

    walk = [row for step in range(3) for row in rows_of_update(rows, step, batch_size=4, seed=5)]

    assert sorted(map(id, walk[:6])) == sorted(map(id, walk[6:])) == sorted(map(id, rows))
    assert walk[:6] != walk[6:]


def test_the_default_specification_says_what_is_missing():
    with pytest.raises(InvalidInput, match=r"dataset\.path must be given"):
        check_spec(TrainingSpec())
