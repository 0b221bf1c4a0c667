"""Kill -9 of each part in the middle of a run: the results are those of an undisturbed run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from retro_core.supervisor import binaries, service
from retro_core.supervisor.places import Places
from retro_core.supervisor.postgres import postgres_service
from retro_core.supervisor.service import Service
from retro_core.supervisor.valkey import valkey_service
from tests.workers.lm_server import LoopbackModel

pytestmark = pytest.mark.timeout(300)  # for a machine that is busy with other things
ROOT = Path(__file__).resolve().parents[2]
FAULTS = ("none", "worker", "horse", "valkey", "postgres", "lm", "two", "stop")
EPISODES = """
    SELECT t.key, e.trial, e.seed, e.success, e.episode_return, e.step_count, e.final_answer,
           r.text, r.seed, r.automatic_rating,
           (SELECT string_agg(s.action || s.observation || s.prompt_sha256, '|' ORDER BY s.index)
              FROM episodes_step s WHERE s.episode_id = e.id)
      FROM episodes_episode e
      JOIN tasks_task t ON t.id = e.task_id
      LEFT JOIN episodes_reflection r ON r.episode_id = e.id
     WHERE e.experiment_id = %s ORDER BY t.key, e.trial
"""
COUNTERS = """
    SELECT status, tasks_ended, tasks_solved, tasks_failed, episodes_count, steps_count,
           reflections_count, prompt_tokens, completion_tokens
      FROM experiments_experiment WHERE id = %s
"""
CURVE = """
    SELECT trial, attempts, solved, return_sum, step_sum
      FROM experiments_curvepoint WHERE experiment_id = %s ORDER BY trial
"""


class Stage:
    """A database, a broker, a model and a worker of its own."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder)
        self.lm = LoopbackModel(seconds_per_call=0.02)
        self.parts: dict[str, tuple[Service, subprocess.Popen[bytes]]] = {}
        self.raise_curtain("postgres")
        self.raise_curtain("valkey")
        self.run_program("make", *FAULTS).wait(110)
        self.worker = self.run_program("work")

    def raise_curtain(self, name: str) -> None:
        made = (
            postgres_service(self.places, binaries.postgres_bin_dir())
            if name == "postgres"
            else valkey_service(self.places, binaries.valkey_program())
        )
        process = service.start(made)
        service.wait_until_ready(made, process)
        self.parts[name] = (made, process)

    def kill(self, name: str) -> None:
        _, process = self.parts[name]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def run_program(self, *words: str) -> "subprocess.Popen[bytes]":
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251
            "PYTHONPATH": str(ROOT),
            "STUDIO_DATA_DIR": str(self.places.data),
            "ACTOR_BASE_URL": f"{self.lm.url}/v1",
            "ACTOR_MODEL": "household",
            "REFLECTOR_URL": self.lm.url,
            "OMP_NUM_THREADS": "1",
        }
        program = Path(__file__).with_name("stage_program.py")
        with (self.places.data / "program.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(program), *words],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.places.database_url(), autocommit=True) as database:
            answer = database.execute(query.encode(), values)
            return answer.fetchall() if answer.description else []

    def start(self, fault: str) -> int:
        """Queue the experiment without a job, as after a lost broker: upkeep must find it."""
        rows = self.ask(
            "UPDATE experiments_experiment SET status = 'queued' WHERE name = %s RETURNING id",
            fault,
        )
        return int(rows[0][0])

    def wait_for(self, done: Callable[[], bool], what: str, seconds: float = 40) -> None:
        limit = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < limit, f"{what}\n{self.log()}"
            time.sleep(0.05)

    def wait_until_halfway(self, pk: int) -> None:
        count = "SELECT count(*) FROM episodes_episode WHERE experiment_id = %s"
        self.wait_for(lambda: self.ask(count, pk)[0][0] >= 5, "five episodes")

    def status(self, pk: int) -> str:
        return str(self.ask("SELECT status FROM experiments_experiment WHERE id = %s", pk)[0][0])

    def results(self, pk: int) -> list[object]:
        self.wait_for(lambda: self.status(pk) == "finished", "the end of the run")
        return [self.ask(query, pk) for query in (EPISODES, COUNTERS, CURVE)]

    def log(self) -> str:
        return (self.places.data / "program.log").read_text()[-4000:]

    def close(self) -> None:
        self.worker.terminate()
        self.worker.wait(20)
        for made, process in reversed(self.parts.values()):
            service.ask_to_stop(made, process)
            service.finish(made, process)
        self.lm.go_away()
        shutil.rmtree(self.places.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    folder = tempfile.mkdtemp(prefix=f"retro-test-{os.getpid()}-", dir="/tmp")
    made = Stage(Path(folder))
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> list[Any]:
    return stage.results(stage.start("none"))


def test_the_undisturbed_run_has_failures_reflections_and_successes(undisturbed: list[Any]) -> None:
    episodes, [counters], _ = undisturbed

    status, ended, solved, failed, count, *_ = counters
    assert (status, ended, failed, count) == ("finished", 10, 0, len(episodes))
    assert 0 < solved < 10 < count


def test_a_killed_worker_changes_nothing(stage: Stage, undisturbed: list[Any]) -> None:
    pk = stage.start("worker")
    stage.wait_until_halfway(pk)

    stage.worker.kill()
    stage.worker.wait()
    stage.worker = stage.run_program("work")

    assert stage.results(pk) == undisturbed


def test_a_killed_work_horse_changes_nothing(stage: Stage, undisturbed: list[Any]) -> None:
    pk = stage.start("horse")
    stage.wait_until_halfway(pk)

    for child in _children(stage.worker.pid):
        os.kill(child, signal.SIGKILL)

    assert stage.results(pk) == undisturbed


def test_a_killed_broker_changes_nothing(stage: Stage, undisturbed: list[Any]) -> None:
    pk = stage.start("valkey")
    stage.wait_until_halfway(pk)

    stage.kill("valkey")
    time.sleep(1)
    stage.raise_curtain("valkey")

    if stage.worker.poll() is not None:  # the supervisor's part
        stage.worker = stage.run_program("work")
    assert stage.results(pk) == undisturbed


def test_a_killed_database_changes_nothing(stage: Stage, undisturbed: list[Any]) -> None:
    pk = stage.start("postgres")
    stage.wait_until_halfway(pk)

    stage.kill("postgres")
    time.sleep(1)
    stage.raise_curtain("postgres")

    assert stage.results(pk) == undisturbed


def test_a_model_that_goes_away_pauses_and_changes_nothing(
    stage: Stage, undisturbed: list[Any]
) -> None:
    pk = stage.start("lm")
    stage.wait_until_halfway(pk)

    stage.lm.go_away()
    stage.wait_for(lambda: stage.status(pk) == "paused", "the pause")
    message = stage.ask("SELECT status_message FROM experiments_experiment WHERE id = %s", pk)
    stage.lm.come_back()
    stage.start("lm")

    assert "127.0.0.1" in message[0][0]
    assert "resume" in message[0][0]
    assert stage.results(pk) == undisturbed


def test_two_workers_play_one_experiment_together(stage: Stage, undisturbed: list[Any]) -> None:
    log = stage.places.data / "program.log"
    before = log.read_text().count("started with PID")
    second = stage.run_program("work")
    stage.wait_for(lambda: log.read_text().count("started with PID") > before, "a second worker")
    pk = stage.start("two")
    holders = """SELECT count(DISTINCT lease_holder) FROM experiments_experimenttask
                  WHERE experiment_id = %s AND lease_holder <> ''"""

    stage.wait_for(lambda: stage.ask(holders, pk)[0][0] == 2, "two holders of leases")

    assert stage.results(pk) == undisturbed
    second.terminate()
    second.wait(20)


def test_a_worker_that_is_asked_to_stop_gives_its_tasks_back_at_once(stage: Stage) -> None:
    pk = stage.start("stop")
    stage.wait_until_halfway(pk)

    stage.lm.seconds_per_call = 30  # an answer that nobody waits for
    time.sleep(0.3)
    asked = time.monotonic()
    stage.worker.terminate()
    stage.worker.wait(20)

    held = "SELECT count(*) FROM experiments_experimenttask WHERE lease_holder <> ''"
    assert stage.ask(held) == [(0,)]
    assert time.monotonic() - asked < 5
    stage.worker = stage.run_program("work")
    assert stage.status(pk) == "running"


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]
