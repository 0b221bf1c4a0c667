"""How fast episodes are recorded, imported and claimed: `python bench/recording.py`.

Starts a durable PostgreSQL of its own in a temporary folder. Prints each figure, and recording as
a ratio to the bare commits that it cannot do without.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

EPISODES, STEPS, LINES = 100, 20, 500


def main() -> None:
    """Start the database, measure, clean up."""
    folder = Path(tempfile.mkdtemp(prefix="retro-bench-", dir="/tmp"))
    os.environ |= {"STUDIO_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "webapp.settings"}  # noqa: TID251
    from retro_core.supervisor import binaries, service
    from retro_core.supervisor.places import Places
    from retro_core.supervisor.postgres import postgres_service

    places = Places(folder)
    made = postgres_service(places, binaries.postgres_bin_dir())
    process = service.start(made)
    try:
        service.wait_until_ready(made, process)
        measure()
    finally:
        service.ask_to_stop(made, process)
        service.finish(made, process)
        shutil.rmtree(folder)
        shutil.rmtree(places.sockets, ignore_errors=True)


def measure() -> None:
    """Make one experiment of many tasks, and time what happens to it."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    commits = rate(EPISODES, bare_commit)
    record, claim = recording_units()
    claims = rate(EPISODES, claim)
    recorded = rate(EPISODES, record)
    print(f"bare durable commits        {commits:8.0f} /s")
    print(f"claims of a task            {claims:8.0f} /s")
    print(f"episodes of {STEPS} steps        {recorded:8.0f} /s = {recorded * STEPS:.0f} steps/s")
    print(f"episodes per bare commit    {recorded / commits:8.2f}")
    print(f"lines imported              {import_rate():8.0f} /s, {STEPS} steps each")


def rate(count: int, unit: Callable[[int], object]) -> float:
    """Units per second."""
    began = time.perf_counter()
    for number in range(count):
        unit(number)
    return count / (time.perf_counter() - began)


def bare_commit(number: int) -> None:
    """The smallest transaction that must reach the disk."""
    from webapp.tasks.models import TaskSet

    TaskSet.objects.create(name=f"commit {number}", environment="x", split="train")


def recording_units() -> tuple[Callable[[int], object], Callable[[int], object]]:
    """Functions that record the episode of the n-th task, and that claim one."""
    from retro_core.config import ExperimentConfig
    from retro_core.types import Episode, Message, Step, Task
    from webapp.episodes.services import record_episode
    from webapp.experiments.models import ExperimentTask
    from webapp.experiments.services import create_experiment
    from webapp.tasks.services import save_task_set

    tasks = [Task(f"t{number}", "x", "Go.") for number in range(EPISODES)]
    task_set = save_task_set("Bench", "x", "train", tasks, source="bench")
    experiment = create_experiment(name="Bench", task_set=task_set, config=ExperimentConfig())
    rows = list(experiment.experiment_tasks.select_related("task"))
    step = Step("A thought.", "go to drawer 1", "You see a mug, a book and a pen. " * 4)
    head = (Message("system", "Play. " * 100), Message("user", "You are in a room. " * 20))

    def record(number: int) -> object:
        steps = (step,) * STEPS
        episode = Episode(f"t{number}", 1, 0, head, steps, True, True, False)
        return record_episode(rows[number], episode)

    return record, lambda number: ExperimentTask.objects.claim(experiment.pk, "bench")


def import_rate() -> float:
    """Lines of a log per second, checked and stored."""
    from webapp.episodes.importing import import_episodes

    step = {"thought": "A thought.", "action": "go", "observation": "You see a mug. " * 8}
    line = {
        "experiment": "log",
        "environment": "x",
        "method": "react",
        "trial": 1,
        "steps": [step] * STEPS,
        "success": True,
        "episode_return": 1.0,
        "truncated": False,
    }
    lines = [json.dumps({**line, "task_id": f"l{n}"}).encode() for n in range(LINES)]
    began = time.perf_counter()
    report = import_episodes(lines, source="bench")
    return report.imported / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
