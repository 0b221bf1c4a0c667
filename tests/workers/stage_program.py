"""What a stage starts: `make NAME...` prepares the experiments, `work` is a worker, in a hurry."""

import os
import sys
from datetime import timedelta

import django

TASKS = 10


def hurry() -> None:
    """Leases and looks for lost work in seconds instead of minutes; the toy world beside others."""
    from retro_core.envs import base
    from tests.toy_world import DoorsEnv
    from webapp.experiments import models
    from workers import build, crew, upkeep, upkeep_worker

    models.LEASE = timedelta(seconds=2)
    crew.TICK_SECONDS = 0.2
    upkeep.UPKEEP_SECONDS = crew.UPKEEP_SECONDS = upkeep_worker.UPKEEP_SECONDS = 1.0
    build.ENDPOINT = build.EndpointConfig(attempts=3, backoff_seconds=0.1, connect_seconds=1.0)
    build.REFLECTOR_ENDPOINT = build.ENDPOINT
    spec = base.EnvSpec(
        name="doors",
        title="Doors",
        description="Three doors.",
        create=DoorsEnv,
        generate=lambda *, count, split, seed: [],
        splits=("train",),
        default_max_steps=8,
        default_trials=3,
        prompt_folder="tests.workers:prompts",
        success_meaning="Out.",
    )
    base.registered = lambda: {"doors": spec}  # type: ignore[assignment]


def make(names: list[str]) -> None:
    from django.core.management import call_command

    from retro_core.config import EpisodeConfig, ExperimentConfig, ReflectionConfig
    from tests.workers.doors import doors_experiment

    call_command("migrate", verbosity=0)
    config = ExperimentConfig(
        trials=3,
        episode=EpisodeConfig(max_steps=8, max_repeats=8),
        reflection=ReflectionConfig(format="free", examples=0),
    )
    for name in names:
        doors_experiment(TASKS, config=config, name=name)


def work() -> None:
    from django.core.management import call_command

    call_command("rqworker", "episodes", worker_class="workers.episodes_worker.EpisodesWorker")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"  # noqa: TID251
    django.setup()
    hurry()
    make(sys.argv[2:]) if sys.argv[1] == "make" else work()
