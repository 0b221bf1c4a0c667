"""Recorded logs: exact curves, every bad line named, nothing half imported, twice is once."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.workers.doors import doors_experiment
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Episode, Reflection, Step
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.tasks.models import Task

LOGS = Path(__file__).resolve().parents[2] / "../shared/data/real_logs"
PUBLISHED = {
    "hotpotqa_react": [34, 34, 34, 34, 34],
    "hotpotqa_reflexion": [32, 42, 48, 50, 51, 53, 53],
    "alfworld_reflexion": [
        *[62.69, 76.87, 82.84, 84.33, 87.31, 88.06, 91.79, 94.03],
        *[95.52, 96.27, 97.01, 97.01, 97.76, 99.25, 100],
    ],
    "webshop_reflexion": [33, 33, 34, 35],
}
pytestmark = pytest.mark.django_db


def record(**changes: Any) -> dict[str, Any]:
    return {
        "experiment": "doors",
        "environment": "doors",
        "method": "reflexion",
        "task_id": "d1",
        "goal": "Get out.",
        "trial": 1,
        "steps": [{"thought": "Red.", "action": "open red", "observation": "A wall."}],
        "success": False,
        "episode_return": 0.25,
        "truncated": False,
        "reflection": "Try green.",
        **changes,
    }


def as_lines(*records: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() + b"\n" for one in records]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_log_gives_exactly_the_published_curve(name: str) -> None:
    if not LOGS.is_dir():
        pytest.skip("the recorded logs (shared/data/real_logs) are not on this machine")
    out = StringIO()

    call_command("import_episodes", str(LOGS / f"{name}.jsonl"), stdout=StringIO())
    call_command("curve", name, stdout=out)

    assert json.loads(out.getvalue())["success_percent"] == PUBLISHED[name]


def test_the_rollup_of_a_published_log_agrees_with_its_curve() -> None:
    if not LOGS.is_dir():
        pytest.skip("the recorded logs (shared/data/real_logs) are not on this machine")
    with (LOGS / "hotpotqa_reflexion.jsonl").open("rb") as lines:
        import_episodes(lines, source="log")
    experiment = Experiment.objects.get()

    solved = list(experiment.curve_points.values_list("trial", "solved", "attempts"))

    assert solved == [
        *[(1, 32, 100), (2, 10, 67), (3, 6, 58), (4, 2, 52), (5, 1, 49), (6, 2, 47), (7, 0, 46)]
    ]
    assert (experiment.tasks_total, experiment.tasks_solved) == (100, 53)
    assert (experiment.episodes_count, experiment.steps_count) == (419, 1747)
    assert experiment.reflections_count == 311


def test_a_line_becomes_an_episode_with_its_steps_and_reflection() -> None:
    import_episodes(as_lines(record(actor="gpt", truncated=True)), source="log")

    episode = Episode.objects.get()
    assert (episode.trial, episode.episode_return, episode.step_count) == (1, 0.25, 1)
    assert (episode.truncated, episode.truncation_reason) == (True, "unknown")
    assert Step.objects.get().action == "open red"
    assert episode.reflection.text == "Try green."
    assert episode.experiment.actor_model == "gpt"
    assert Task.objects.get().goal == "Get out."


def test_a_reflection_is_rated_by_the_very_next_trial() -> None:
    log = as_lines(
        record(trial=1, episode_return=0.25),
        record(trial=2, episode_return=0.75),
        record(trial=4, episode_return=1.0, success=True, reflection=None),
    )

    import_episodes(log, source="log")

    ratings = Reflection.objects.order_by("episode__trial").values_list("automatic_rating")
    assert list(ratings) == [(0.5,), (None,)]  # trial 3 is missing


def test_a_reflection_with_the_words_of_the_one_before_is_a_repeat() -> None:
    import_episodes(as_lines(record(trial=1), record(trial=2)), source="log")

    repeats = Reflection.objects.order_by("episode__trial").values_list("repeats_previous")
    assert list(repeats) == [(False,), (True,)]


def test_importing_twice_changes_nothing() -> None:
    log = as_lines(record(trial=1), record(trial=2, success=True, episode_return=1.0))
    import_episodes(log, source="log")

    report = import_episodes(log, source="log")

    assert (report.imported, report.known, report.bad_count) == (0, 2, 0)
    assert Episode.objects.count() == 2
    assert Experiment.objects.get().episodes_count == 2


def test_later_trials_join_the_experiment() -> None:
    import_episodes(as_lines(record(trial=1)), source="log")

    import_episodes(as_lines(record(trial=2, success=True, episode_return=1.0)), source="log")

    task = ExperimentTask.objects.get()
    assert (task.state, task.solved_at_trial, task.trials_done) == ("solved", 2, 2)
    assert Reflection.objects.get(episode__trial=1).automatic_rating == 0.75


BAD_LINES = {
    b"{": "not JSON",
    b"[1]": "not a JSON object",
    b"\xff": "not UTF-8 at byte 1",
    b"[" * 100_000: "not JSON",
    **{
        as_lines(record(**changes))[0]: reason
        for changes, reason in [
            ({"trial": 0}, "trial must be 1 to 32767"),
            ({"trial": True}, "trial must be a whole number"),
            ({"trial": 1.5}, "trial must be a whole number"),
            ({"success": 1}, "success must be true or false"),
            ({"episode_return": "1"}, "episode_return must be a number"),
            ({"episode_return": float("nan")}, "episode_return must be a finite number"),
            ({"episode_return": 10**400}, "episode_return must be a finite number"),
            ({"steps": {}}, "steps must be a list"),
            ({"steps": ["x"]}, "step 1 is not an object"),
            ({"steps": [{"action": "a"}, {"thought": "t"}]}, "step 2: action is missing"),
            ({"steps": [{"action": 5}]}, "step 1: action must be text"),
            (
                {"steps": [{"action": "look", "prompt_tokens": 2**31 - 1}] * 2},
                "prompt_tokens of all steps add up to more than 2147483647",
            ),
            ({"method": "magic"}, "method 'magic' is not one of react"),
            ({"task_id": " "}, "task_id is empty"),
            ({"task_id": "x" * 201}, "task_id is longer than 200 characters"),
            ({"reflection": "\x00"}, "holds a NUL character"),
            ({"reflection": "\ud800"}, "holds half a surrogate pair"),
            ({"goal": "Stay in."}, "task 'd1' is known with another goal"),
            ({"environment": "rooms"}, "environment 'rooms', but the experiment 'doors' has"),
            ({"method": "react"}, "method 'react', but the experiment 'doors' has 'reflexion'"),
            ({"actor": "other"}, "actor 'other', but the experiment 'doors' has ''"),
        ]
    },
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=BAD_LINES.values())
def test_a_bad_line_is_named_with_its_reason_and_nothing_is_written(bad: bytes) -> None:
    log = [
        *as_lines(record(task_id="d0"), record()),
        b"\n",
        bad.replace(b'"trial": 1,', b'"trial": 2,'),
    ]

    report = import_episodes(log, source="log")

    assert report.refused
    assert [line.number for line in report.bad_lines] == [4]
    assert report.bad_lines[0].reason.startswith(BAD_LINES[bad])
    assert not Experiment.objects.exists()
    assert not Task.objects.exists()


@pytest.mark.parametrize("name", ["experiment", "task_id", "trial", "steps", "success"])
def test_a_missing_field_is_named(name: str) -> None:
    incomplete = record()
    del incomplete[name]

    report = import_episodes(as_lines(incomplete), source="log")

    assert report.bad_lines[0].reason == f"{name} is missing"


def test_the_same_trial_twice_in_a_file_names_the_earlier_line() -> None:
    report = import_episodes(as_lines(record(), record()), source="log")

    assert report.bad_lines[0].reason == "the same experiment, task and trial as line 1"


def test_a_trial_stored_with_another_outcome_is_refused() -> None:
    import_episodes(as_lines(record()), source="log")

    report = import_episodes(as_lines(record(episode_return=0.5)), source="log")

    assert report.bad_lines[0].reason == "this trial is stored already with another outcome"
    assert Episode.objects.get().episode_return == 0.25


def test_good_lines_can_be_imported_past_bad_ones() -> None:
    report = import_episodes([b"{\n", *as_lines(record())], source="log", skip_bad=True)

    assert (report.imported, report.bad_count) == (1, 1)
    assert Episode.objects.count() == 1


def test_only_the_first_reasons_are_listed_but_all_are_counted() -> None:
    report = import_episodes([b"{\n"] * 201, source="log")

    assert (len(report.bad_lines), report.bad_count) == (200, 201)


def test_one_name_given_cannot_hold_two_experiments() -> None:
    log = as_lines(record(), record(experiment="other", task_id="d2"))

    report = import_episodes(log, source="log", experiment_name="mine")

    assert report.bad_lines[0].number == 2


def test_a_given_name_replaces_that_of_the_file() -> None:
    import_episodes(as_lines(record()), source="log", experiment_name="mine")

    assert Experiment.objects.get().name == "mine"


def test_an_experiment_played_here_is_not_mixed_with_a_log() -> None:
    doors_experiment(name="doors")

    report = import_episodes(as_lines(record()), source="log")

    assert "was played here" in report.bad_lines[0].reason


def test_the_command_prints_bad_lines_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"{\n")
    errors = StringIO()

    with pytest.raises(CommandError, match="Nothing was imported: 1 bad lines"):
        call_command("import_episodes", str(path), stderr=errors)

    assert errors.getvalue().startswith("line 1: not JSON")


def test_the_command_says_that_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("import_episodes", str(tmp_path / "none.jsonl"))


def test_an_unknown_experiment_has_no_curve() -> None:
    with pytest.raises(CommandError, match="No experiment is named 'none'"):
        call_command("curve", "none")
