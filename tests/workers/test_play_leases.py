"""Leases and upkeep: claimed once, lost and taken up again, nobody pushed aside."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from retro_core.actors.scripted import ScriptedActor
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.rollout import Trial, rollout
from retro_core.types import Reflection, Task
from tests.toy_world import DoorsEnv, doors_prompts
from tests.workers import doors
from tests.workers.playing import Interrupted, Play, queued
from webapp import jobs
from webapp.episodes.models import Episode
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments import services
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.leases import MAX_UNFINISHED_CLAIMS
from workers import crew, episodes
from workers.playing import HeldTask
from workers.upkeep import take_up_lost_work

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


class CrashingSecondTask(DoorsEnv):
    def reset(self, task: Task) -> Any:
        if task.id == "doors-1":
            raise ZeroDivisionError
        return super().reset(task)


def test_a_task_that_always_crashes_its_worker_is_failed_at_last(play: Play) -> None:
    experiment = queued()
    made = doors.parts(env=CrashingSecondTask)
    for _ in range(MAX_UNFINISHED_CLAIMS):
        with pytest.raises(ZeroDivisionError):
            play(experiment, made)
        expire_leases()

    play(experiment, made)

    crashed = ExperimentTask.objects.get(position=1)
    assert (crashed.state, crashed.error) == ("failed", "It ended its worker 5 times; see the log.")
    assert (experiment.status, experiment.tasks_solved) == ("finished", 2)


def expire_leases() -> None:
    ExperimentTask.objects.exclude(lease_expires_at=None).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


def test_a_task_is_claimed_once(play: Play) -> None:
    experiment = queued(2)

    claims = [ExperimentTask.objects.claim(experiment.pk, f"worker {n}") for n in range(3)]

    assert [claim and claim.position for claim in claims] == [0, 1, None]


def test_many_workers_claim_every_task_exactly_once() -> None:
    experiment = queued(40)
    claimed: list[int] = []

    def claim_all() -> None:
        from django.db import connection

        while (row := ExperimentTask.objects.claim(experiment.pk, "worker")) is not None:
            claimed.append(row.position)
        connection.close()

    workers = [threading.Thread(target=claim_all) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(claimed) == list(range(40))


def test_a_lease_that_ran_out_is_shown_as_lost_and_claimed_again() -> None:
    experiment = queued(1)
    ExperimentTask.objects.claim(experiment.pk, "dead worker")
    expire_leases()

    lost = ExperimentTask.objects.lost().count()
    again = ExperimentTask.objects.claim(experiment.pk, "next worker")

    assert (lost, again is not None) == (1, True)


def test_players_do_not_claim_what_one_of_them_plays_though_its_lease_ran_out() -> None:
    experiment = queued(1)
    players = crew.Crew(experiment, doors.parts())
    held = players._claim()
    assert held is not None
    expire_leases()

    again = players._claim()
    players._play(held)

    assert again is None
    assert ExperimentTask.objects.get().state == "solved"


def test_a_worker_whose_lease_went_to_another_drops_its_trial(play: Play) -> None:
    experiment = queued(1)
    thief: list[bool] = []

    def steal() -> None:
        ExperimentTask.objects.update(lease_holder="another worker")
        thief.append(True)
        threading.Event().wait(0.2)  # ten looks of the watch

    play(experiment, doors.parts(Interrupted(1, steal)))

    assert thief == [True]
    assert Episode.objects.count() == 0


def two_in_turn() -> Experiment:
    """Two tasks, one after the other; the second one's first decision is the third of all."""
    experiment = queued(2)
    Experiment.objects.update(concurrency=1)
    return experiment


def test_a_trial_that_another_worker_recorded_first_is_read_and_reflected_on(play: Play) -> None:
    experiment = two_in_turn()
    row = ExperimentTask.objects.select_related("task").get(position=1)
    leaves = ScriptedActor(lambda messages, admissible, seed: "leave")

    def record_another() -> None:
        played = rollout(
            DoorsEnv(),
            leaves,
            row.task.as_core(),
            Trial(1, seed=7),
            config=doors.CONFIG,
            prompts=doors_prompts(),
        )
        assert record_episode(row, played)

    play(experiment, doors.parts(Interrupted(3, record_another)))

    first = Episode.objects.get(task=row.task, trial=1)
    assert first.seed == 7
    assert "leave\nNothing happens." in first.reflection.prompt
    assert "open red" not in first.reflection.prompt
    assert (experiment.status, experiment.tasks_solved) == ("finished", 2)


def test_a_reflection_that_another_worker_recorded_first_is_what_the_next_trial_is_told(
    play: Play,
) -> None:
    experiment = two_in_turn()
    row = ExperimentTask.objects.get(position=1)

    def write(prompt: str, seed: int) -> str:
        right = Reflection("doors-1", 1, prompt, "Try open green.")
        record_reflection(row, right, repeat_share=0.8)
        return "Try open blue."

    play(experiment, replace(doors.parts(), reflector=ScriptedReflector(write)))

    row.refresh_from_db()
    assert row.solved_at_trial == 2


def test_a_lease_is_renewed_whatever_characters_the_action_under_way_has() -> None:
    experiment = queued(1)
    players = crew.Crew(experiment, doors.parts())
    row = ExperimentTask.objects.claim(experiment.pk, players.holder)
    assert row is not None
    players._held[row.pk] = HeldTask(row, action="open\x00 \ud800red")

    players._renew()

    assert ExperimentTask.objects.get().live_action == "open\ufffd ?red"


def test_starting_an_experiment_queues_one_job(play: Play) -> None:
    experiment = queued()

    assert jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT) == [experiment.pk]


def test_lost_work_is_queued_again_but_only_once() -> None:
    experiment = queued()
    jobs.django_rq.get_queue("episodes").empty()

    first, second = take_up_lost_work(), take_up_lost_work()

    assert (first, second) == ([experiment.pk], [])
    assert jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT) == [experiment.pk]


def test_upkeep_leaves_held_and_paused_experiments_alone() -> None:
    held, paused = queued(name="Held"), queued(name="Paused")
    jobs.django_rq.get_queue("episodes").empty()
    ExperimentTask.objects.claim(held.pk, "live worker")
    services.pause(paused.pk)

    assert take_up_lost_work() == []


def test_upkeep_ends_an_experiment_whose_last_worker_died_before_saying_so(play: Play) -> None:
    experiment = play(queued())
    Experiment.objects.update(status="running", finished_at=None)
    jobs.django_rq.get_queue("episodes").empty()

    take_up_lost_work()

    experiment.refresh_from_db()
    assert experiment.status == "finished"


def test_an_experiment_that_waits_gets_its_turn(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "UPKEEP_SECONDS", 0.0)
    monkeypatch.setattr(crew, "TURN_SECONDS", 0.0)
    first, other = queued(6, name="First"), queued(1, name="Other")
    jobs.django_rq.get_queue("episodes").empty()
    jobs.queue_job(jobs.EPISODES, jobs.PLAY_EXPERIMENT, other.pk)
    slow = doors.parts(Interrupted(1, lambda: threading.Event().wait(0.3)))

    play(first, slow)

    assert first.status == "running"
    assert Episode.objects.filter(experiment=first).count() < 12
    assert jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT) == [other.pk, first.pk]
