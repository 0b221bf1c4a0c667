"""The job: plays what is missing, stops when told, and blames only what is to blame."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from retro_core.actors.scripted import ScriptedActor
from retro_core.config import EpisodeConfig
from retro_core.errors import EndpointUnavailable, InvalidInput
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.types import Task
from tests.toy_world import DoorsEnv
from tests.workers import doors
from tests.workers.playing import Interrupted, Play, queued
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import services
from webapp.experiments.models import Experiment, ExperimentTask
from workers import crew, episodes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run the job in this process with scripted models, and read the experiment again."""
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.02)

    def run(experiment: Experiment, made: Any = None) -> Experiment:
        monkeypatch.setattr(episodes, "build", lambda row: made or doors.parts())
        episodes.play_experiment(experiment.pk)
        experiment.refresh_from_db()
        return experiment

    return run


def results(experiment: Experiment) -> list[tuple[Any, ...]]:
    """Everything that a second run must repeat."""
    rows = experiment.episodes.order_by("task__key", "trial").values_list(
        "task__key", "trial", "seed", "success", "episode_return", "step_count", "reflection__text"
    )
    return list(rows)


def test_an_experiment_is_played_to_its_end(play: Play) -> None:
    experiment = play(queued())

    assert experiment.status == "finished"
    assert [row[:2] for row in results(experiment)] == [
        *[("doors-0", 1), ("doors-1", 1), ("doors-1", 2)],
        *[("doors-2", 1), ("doors-2", 2), ("doors-2", 3)],
    ]
    assert (experiment.tasks_solved, experiment.episodes_count) == (3, 6)
    assert list(
        Reflection.objects.order_by("episode__task", "episode__trial").values_list(
            "automatic_rating", flat=True
        )
    ) == [1.0, 0.0, 1.0]


def test_playing_a_finished_experiment_again_does_nothing(play: Play) -> None:
    experiment = play(queued())

    play(experiment)

    assert Episode.objects.count() == 6


def test_every_lease_is_given_back(play: Play) -> None:
    play(queued())

    holders = set(ExperimentTask.objects.values_list("lease_holder", "lease_expires_at"))
    assert holders == {("", None)}


def test_a_paused_experiment_is_not_played(play: Play) -> None:
    experiment = queued()
    services.pause(experiment.pk)

    play(experiment)

    assert (experiment.status, Episode.objects.count()) == ("paused", 0)


def test_a_pause_is_noticed_and_a_resumed_run_ends_as_an_undisturbed_one(play: Play) -> None:
    undisturbed = results(play(queued(6, name="Undisturbed")))
    experiment = queued(6, name="Disturbed")
    noticed = threading.Event()

    def pause_and_wait() -> None:
        services.pause(experiment.pk)
        noticed.wait(2)  # the watch looks every 20 ms

    stopped = crew.Crew._tick

    def tick(self: crew.Crew) -> None:
        stopped(self)
        if self.stop.is_set():
            noticed.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew.Crew, "_tick", tick)
        play(experiment, doors.parts(Interrupted(10, pause_and_wait)))
    halfway = Episode.objects.filter(experiment=experiment).count()
    services.resume(experiment.pk)
    play(experiment)

    assert 0 < halfway < 12
    assert results(experiment) == undisturbed
    assert experiment.episodes_count == len(undisturbed) == 12


def test_an_endpoint_that_stays_down_pauses_with_a_message_and_fails_no_task(play: Play) -> None:
    def down() -> None:
        raise EndpointUnavailable("The actor at http://actor does not answer.")

    experiment = play(queued(), doors.parts(Interrupted(3, down)))

    assert experiment.status == "paused"
    assert experiment.status_message.startswith("The actor at http://actor does not answer.")
    assert "resume" in experiment.status_message
    assert experiment.tasks_failed == 0
    services.resume(experiment.pk)
    assert play(experiment).tasks_solved == 3


class BrokenFirstTask(DoorsEnv):
    def reset(self, task: Task) -> Any:
        if task.id == "doors-0":
            raise InvalidInput("The game file of doors-0 is missing.")
        return super().reset(task)


def test_a_task_that_cannot_be_played_fails_alone_and_without_an_episode(play: Play) -> None:
    experiment = play(queued(), doors.parts(env=BrokenFirstTask))

    broken = ExperimentTask.objects.get(position=0)
    assert (broken.state, broken.error) == ("failed", "The game file of doors-0 is missing.")
    assert not Episode.objects.filter(task__key="doors-0").exists()
    assert (experiment.status, experiment.tasks_failed, experiment.tasks_solved) == (
        *("finished", 1, 2),
    )


def test_a_reflection_that_no_context_holds_fails_its_task_and_is_not_rated(play: Play) -> None:
    config = replace(doors.CONFIG, episode=EpisodeConfig(context_tokens=256))
    endless = ScriptedReflector(lambda prompt, seed: "wall " * 200)

    experiment = play(queued(2), replace(doors.parts(config=config), reflector=endless))

    task = ExperimentTask.objects.get(position=1)
    assert (task.state, task.trials_done) == ("failed", 1)
    assert "The opening prompt does not fit. The prompt outgrows 256 tokens." in task.error
    assert Reflection.objects.get().automatic_rating is None
    assert (experiment.episodes_count, experiment.tasks_failed) == (2, 1)


def test_failed_tasks_can_be_tried_again(play: Play) -> None:
    experiment = play(queued(), doors.parts(env=BrokenFirstTask))

    services.retry_failed_tasks(experiment.pk)
    play(experiment)

    assert (experiment.status, experiment.tasks_failed, experiment.tasks_solved) == (
        *("finished", 0, 3),
    )


def test_a_configuration_that_cannot_be_built_fails_with_the_reason() -> None:
    experiment = queued()  # the real build knows no environment named doors

    episodes.play_experiment(experiment.pk)

    experiment.refresh_from_db()
    assert experiment.status == "failed"
    assert "No environment named 'doors'" in experiment.status_message


def test_players_share_one_actor_and_each_has_its_own_world(play: Play) -> None:
    made: list[DoorsEnv] = []
    parts = doors.parts(env=lambda: made.append(DoorsEnv()) or made[-1])  # type: ignore[func-returns-value]

    play(queued(), parts)

    assert isinstance(parts.actor, ScriptedActor)
    assert len({id(env) for env in made}) == 3


def test_the_step_under_way_is_shown_while_it_is_played(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, int, str]] = []
    renew = crew.Crew._renew

    def look(self: crew.Crew) -> None:
        renew(self)
        shown.extend(
            ExperimentTask.objects.filter(live_trial__gt=0).values_list(
                "live_trial", "live_step", "live_action"
            )
        )

    monkeypatch.setattr(crew.Crew, "_renew", look)
    pause = doors.parts(Interrupted(2, lambda: threading.Event().wait(0.3)))

    play(queued(1), pause)

    assert (1, 1, "open red") in shown
    assert not ExperimentTask.objects.exclude(live_trial=0).exists()
