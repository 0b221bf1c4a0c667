"""Recording: once each, all that follows in one transaction, and the same record comes back."""

from dataclasses import replace

import pytest

from retro_core import types
from retro_core.errors import InvalidInput
from retro_core.rollout import Trial, rollout
from retro_core.types import Message, Reflection, Usage
from tests.toy_world import DoorsEnv, doors_prompts
from tests.workers.doors import CONFIG, doors_experiment, parts
from webapp.episodes import models
from webapp.episodes.records import as_core, past_trials, prompts_of_step
from webapp.episodes.services import fail_task, record_episode, record_reflection
from webapp.experiments.models import CurvePoint, Experiment, ExperimentTask

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> ExperimentTask:
    """Task doors-1, whose right door is green, of an experiment of three trials."""
    experiment = doors_experiment(2)
    return ExperimentTask.objects.select_related("task").get(experiment=experiment, position=1)


def played(row: ExperimentTask, trial: int = 1, memory: tuple[str, ...] = ()) -> types.Episode:
    """Trial 1 opens red and fails in 4 steps; told of green, it leaves in 2."""
    made = parts()
    given = Trial(trial, seed=trial, memory=memory)
    return rollout(
        DoorsEnv(), made.actor, row.task.as_core(), given, config=CONFIG, prompts=doors_prompts()
    )


def solved(row: ExperimentTask, trial: int) -> types.Episode:
    return played(row, trial, memory=("Try open green.",))


def reflection(text: str = "Try open green.", trial: int = 1) -> Reflection:
    return Reflection("doors-1", trial, "What went wrong?", text, "", 5, Usage(10, 3, 0.5))


def test_a_recorded_episode_comes_back_equal(row: ExperimentTask) -> None:
    episode = played(row)

    record_episode(row, episode)

    assert as_core(models.Episode.objects.get()) == episode


def test_recording_an_episode_twice_keeps_the_first(row: ExperimentTask) -> None:
    first = record_episode(row, played(row))

    second = record_episode(row, solved(row, trial=1))

    assert (first, second) == (True, False)
    assert models.Episode.objects.get().success is False
    assert models.Step.objects.count() == 4
    assert Experiment.objects.get().episodes_count == 1
    assert CurvePoint.objects.get().attempts == 1


def test_counters_curve_and_task_follow_each_episode(row: ExperimentTask) -> None:
    record_episode(row, played(row))
    record_episode(row, solved(row, trial=2))

    experiment = Experiment.objects.get()
    row.refresh_from_db()
    assert (experiment.episodes_count, experiment.steps_count) == (2, 6)
    assert (experiment.tasks_ended, experiment.tasks_solved) == (1, 1)
    assert (row.state, row.trials_done, row.solved_at_trial) == ("solved", 2, 2)
    points = CurvePoint.objects.values_list("trial", "attempts", "solved", "return_sum", "step_sum")
    assert list(points) == [(1, 1, 0, 0.0, 4), (2, 1, 1, 1.0, 2)]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 1, 3)])
def test_a_task_is_solved_once_at_its_first_success_in_whatever_order(
    row: ExperimentTask, order: tuple[int, ...]
) -> None:
    made = {1: solved(row, 1), 2: solved(row, 2), 3: played(row, 3)}

    for trial in order:
        record_episode(row, made[trial])

    experiment = Experiment.objects.get()
    row.refresh_from_db()
    assert (experiment.tasks_ended, experiment.tasks_solved) == (1, 1)
    assert (row.state, row.trials_done, row.solved_at_trial) == ("solved", 3, 1)
    points = CurvePoint.objects.order_by("trial").values_list("trial", "attempts", "solved")
    assert list(points) == [(1, 1, 1), (2, 1, 0), (3, 1, 0)]


def test_tokens_of_steps_and_reflections_add_up(row: ExperimentTask) -> None:
    episode = played(row)
    record_episode(row, episode)
    record_reflection(row, reflection(), repeat_share=0.9)

    experiment = Experiment.objects.get()
    in_steps = sum(step.usage.prompt_tokens for step in episode.steps)
    assert experiment.prompt_tokens == in_steps + 10
    assert experiment.completion_tokens == 2 + 1 + 1 + 1 + 3  # open red, leave x 3, reflection


def test_the_last_trial_without_success_ends_the_task(row: ExperimentTask) -> None:
    record_episode(row, played(row, trial=3))

    row.refresh_from_db()
    assert row.state == "unsolved"
    assert Experiment.objects.get().tasks_ended == 1


def test_the_next_trial_rates_the_reflection_before_it(row: ExperimentTask) -> None:
    record_episode(row, played(row))
    record_reflection(row, reflection(), repeat_share=0.9)

    record_episode(row, solved(row, trial=2))

    stored = models.Reflection.objects.get()
    assert (stored.automatic_rating, stored.effective_rating) == (1.0, 1.0)


def test_recording_a_reflection_twice_keeps_the_first(row: ExperimentTask) -> None:
    record_episode(row, played(row))
    record_reflection(row, reflection(), repeat_share=0.9)

    again = record_reflection(row, reflection("Try open blue."), repeat_share=0.9)

    assert again is False
    assert models.Reflection.objects.get().text == "Try open green."
    assert Experiment.objects.get().reflections_count == 1


def test_a_reflection_with_the_same_words_is_marked_as_a_repeat(row: ExperimentTask) -> None:
    for trial, text in [(1, "Try open green."), (2, "try OPEN green!")]:
        record_episode(row, played(row, trial=trial))
        record_reflection(row, reflection(text, trial), repeat_share=0.9)

    repeats = models.Reflection.objects.order_by("id").values_list("repeats_previous", flat=True)
    assert list(repeats) == [False, True]


def test_past_trials_are_what_the_algorithm_goes_on_from(row: ExperimentTask) -> None:
    episode = played(row)
    record_episode(row, episode)
    record_reflection(row, reflection(), repeat_share=0.9)

    past = past_trials(row.experiment_id, row.task_id)

    assert [(trial.episode, trial.reflection) for trial in past] == [(episode, reflection())]


def test_the_prompt_of_a_step_is_shown_as_it_was_sent(row: ExperimentTask) -> None:
    record_episode(row, played(row))
    stored = models.Episode.objects.get()

    prompt = prompts_of_step(stored, 1)[0]

    assert prompt[-1] == Message("user", prompt[-1].content)
    assert "A wall." in prompt[-1].content
    assert prompt[-2] == Message("assistant", "open red")


def test_a_prompt_that_was_not_sent_is_never_shown(row: ExperimentTask) -> None:
    record_episode(row, played(row))
    models.Step.objects.filter(index=0).update(observation="Changed.")

    with pytest.raises(InvalidInput, match="not the one that was sent"):
        prompts_of_step(models.Episode.objects.get(), 1)


def test_characters_that_the_database_cannot_hold_are_replaced(row: ExperimentTask) -> None:
    episode = played(row)
    odd = replace(episode.steps[0], reply="a\x00b\ud800")

    record_episode(row, replace(episode, steps=(odd,)))

    assert models.Step.objects.get().reply == "a\ufffdb?"


def test_a_task_that_cannot_be_played_is_failed_not_unsolved(row: ExperimentTask) -> None:
    fail_task(row, "The task's file is missing.")
    fail_task(row, "Again.")

    row.refresh_from_db()
    experiment = Experiment.objects.get()
    assert (row.state, row.error) == ("failed", "The task's file is missing.")
    assert (experiment.tasks_failed, experiment.tasks_ended) == (1, 0)
    assert not models.Episode.objects.exists()
