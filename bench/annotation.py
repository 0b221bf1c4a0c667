"""What an annotator waits for: `python -m bench.annotation [ITEMS]`, in ms of this process.

Starts a PostgreSQL of its own in a temporary folder, makes a queue of reflections after 30-step
episodes, and answers items through the whole stack of the web process: middleware, view, template.
CPU is that of this process alone; the wall clock holds the database and other load too.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ITEMS, STEPS, ANSWERS, WARM_UP = 300, 30, 30, 3
LIMITS = {"open the next item": 80.0, "submit": 100.0}


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
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS)
    finally:
        service.ask_to_stop(made, process)
        service.finish(made, process)
        shutil.rmtree(folder)
        shutil.rmtree(places.sockets, ignore_errors=True)


def measure(items: int) -> None:
    """Answer item after item as the page does, and print the medians and the slowest tenth."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    call_command("migrate", verbosity=0)
    from webapp.annotation.services.answers import submission_key

    client, person_id, queue_id = _queue(items)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in LIMITS}
    page = client.post(f"/annotation/queues/{queue_id}/next/", HTTP_HOST="localhost")
    for _ in range(ANSWERS + WARM_UP):
        place = page["Location"]
        _timed(times["open the next item"], lambda at=place: client.get(at, HTTP_HOST="localhost"))
        address = place.partition("?")[0]
        key = submission_key(int(address.rstrip("/").rpartition("/")[2]), person_id)
        sent = {"kind": "override", "value": "0.5", "key": str(key), "confidence": "3"}
        page = _timed(
            times["submit"],
            lambda at=address, form=sent: client.post(f"{at}submit/", form, HTTP_HOST="localhost"),
        )
        assert page.status_code == 302, page.content
    for name, found in times.items():
        _print(name, found[WARM_UP:])


def _timed(times: list[tuple[float, float]], act: Callable[[], Any]) -> Any:  # a test response
    cpu, wall = time.process_time(), time.perf_counter()
    response = act()
    times.append((1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)))
    return response


def _print(name: str, times: list[tuple[float, float]]) -> None:
    cpu, wall = (sorted(row[place] for row in times) for place in (0, 1))
    slow = round(0.9 * (len(times) - 1))
    verdict = "within" if median(cpu) <= LIMITS[name] else "OVER"
    sys.stdout.write(
        f"{name:20} CPU {median(cpu):6.1f} ms (slowest tenth {cpu[slow]:6.1f}), wall"
        f" {median(wall):6.1f} ms ({wall[slow]:6.1f}); {verdict} {LIMITS[name]:.0f} ms\n"
    )


def _queue(items: int) -> tuple[Any, int, int]:
    """A signed-in annotator and a queue at overlap 2."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from webapp.annotation.services.making import Selection, Terms, make_queue

    person = User.objects.create_user("annotator")
    person.groups.add(Group.objects.get(name="researcher"))
    _reflections(items)
    queue = make_queue(person, Terms("bench", overlap=2), Selection([], size=items), "Be *fair*.")
    client = Client()
    client.force_login(person)
    return client, person.pk, queue.pk


def _reflections(count: int) -> None:
    from django.utils import timezone

    from webapp.episodes.models import Episode, Reflection, Step
    from webapp.experiments.models import Experiment
    from webapp.tasks.models import Task, TaskSet

    task_set = TaskSet.objects.create(name="bench", environment="doors", split="train")
    experiment = Experiment.objects.create(
        name="bench", task_set=task_set, environment="doors", method="reflexion"
    )
    for place in range(count):
        task = Task.objects.create(
            environment="doors", key=f"bench-{place}", split="train", goal="Leave the house."
        )
        episodes = [
            Episode.objects.create(
                experiment=experiment,
                task=task,
                trial=trial,
                success=False,
                episode_return=0.0,
                step_count=STEPS,
                finished_at=timezone.now(),
            )
            for trial in (1, 2)
        ]
        Step.objects.bulk_create(
            Step(
                episode=episode,
                index=index,
                thought="Which of them leads out? " * 4,
                action=f"open door {index + episode.trial}",
                observation="You see a corridor with three further doors. " * 6,
            )
            for episode in episodes
            for index in range(STEPS)
        )
        Reflection.objects.create(
            episode=episodes[0],
            experiment=experiment,
            text="I opened the same door again and again; next time I try the blue one. " * 6,
            prompt="What went wrong? " * 300,
            automatic_rating=0.0,
            effective_rating=0.0,
            written_at=timezone.now(),
        )


if __name__ == "__main__":
    main()
