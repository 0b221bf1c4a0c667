"""What went wrong is counted in the transaction that records it, and can be counted again."""

import json
from dataclasses import replace
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from retro_core.types import Episode as CoreEpisode
from retro_core.types import Reflection as CoreReflection
from tests.webapp.played import episode, new_experiment, played_experiment
from webapp.episodes.failures import KINDS, recount_failures
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Episode, FailureCount
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import Experiment

pytestmark = pytest.mark.django_db


def walked(key: str, trial: int, actions: str, dropped: int = 0) -> CoreEpisode:
    """An unsolved episode of one step a letter; equal letters get equal observations."""
    whole = episode(key, trial, 0.0, steps=1)
    step = replace(whole.steps[0], invalid=False, prompt_sha256="", reward=0.0)
    steps = [
        replace(step, action=letter, observation=letter, dropped_observations=dropped)
        for letter in actions
    ]
    return replace(whole, steps=tuple(steps), truncation_reason="")


def counts(experiment: Experiment) -> dict[int, dict[str, int]]:
    """The counts that are not 0, by trial."""
    found = {}
    for row in FailureCount.objects.filter(experiment=experiment).order_by("trial"):
        values = {name: getattr(row, name) for name in ("episodes", *KINDS)}
        found[row.trial] = {name: value for name, value in values.items() if value}
    return found


def test_the_played_doors_are_counted_by_trial() -> None:
    # By hand: three first trials, of which doors-1 and doors-2 stay unsolved and hit the cap;
    # every first step has no effect; in trial 2 only doors-2 stays unsolved.
    assert counts(played_experiment()) == {
        1: {"episodes": 3, "unsolved": 2, "invalid": 3, "step_cap": 2},
        2: {"episodes": 2, "unsolved": 1, "invalid": 2, "step_cap": 1},
    }


def test_repeats_loops_and_dropped_observations_are_columns_of_the_episode() -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)

    record_episode(row, walked("doors-0", 1, "aababc", dropped=2))

    stored = Episode.objects.get()
    assert (stored.repeated_count, stored.looped_count, stored.dropped_count) == (1, 2, 6)
    assert counts(row.experiment)[1] == {
        "episodes": 1,
        "unsolved": 1,
        "repeated": 1,
        "looped": 1,
        "context_full": 1,
    }


def test_recording_twice_counts_once() -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)

    record_episode(row, walked("doors-0", 1, "ab"))
    record_episode(row, walked("doors-0", 1, "ab"))

    assert counts(row.experiment) == {1: {"episodes": 1, "unsolved": 1}}


def test_a_repeated_reflection_marks_its_episode() -> None:
    row = new_experiment().experiment_tasks.select_related("task").get(position=0)
    for trial in (1, 2):
        record_episode(row, walked("doors-0", trial, "ab"))
        written = CoreReflection("doors-0", trial, "Why?", "Take the blue door.")
        record_reflection(row, written, repeat_share=0.9)

    assert counts(row.experiment)[2]["repeating"] == 1
    assert list(Episode.objects.order_by("trial").values_list("reflection_repeats", flat=True)) == [
        False,
        True,
    ]


def test_counting_again_gives_the_same() -> None:
    experiment = played_experiment()
    before = counts(experiment)

    recount_failures(experiment.pk)

    assert counts(experiment) == before


def test_the_migration_counts_what_was_recorded_before_it() -> None:
    experiment = new_experiment()
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    record_episode(row, walked("doors-0", 1, "aababc", dropped=2))
    before, columns = counts(experiment), ["repeated_count", "looped_count", "dropped_count"]
    Episode.objects.update(**dict.fromkeys(columns, 0))
    FailureCount.objects.all().delete()
    migration = import_module("webapp.episodes.migrations.0006_count_recorded")

    with connection.schema_editor() as editor:
        migration.count_steps(apps, editor)
        migration.count_episodes(apps, editor)

    assert Episode.objects.values_list(*columns).get() == (1, 2, 6)
    assert counts(experiment) == before


def test_an_import_counts_what_went_wrong() -> None:
    steps = [{"action": letter, "observation": letter} for letter in "aababc"]
    line = {
        "experiment": "log",
        "environment": "doors",
        "method": "react",
        "task_id": "doors-9",
        "trial": 1,
        "steps": steps,
        "success": False,
        "episode_return": 0.0,
        "truncated": True,
    }

    import_episodes([json.dumps(line).encode()], source="log.jsonl")

    assert counts(Experiment.objects.get(name="log"))[1] == {
        "episodes": 1,
        "unsolved": 1,
        "repeated": 1,
        "looped": 1,
        "other_stop": 1,
    }
