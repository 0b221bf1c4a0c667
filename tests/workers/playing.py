"""Experiments queued to be played, and an actor that something happens to."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from retro_core.types import Message
from tests.workers import doors
from webapp.experiments import services
from webapp.experiments.models import Experiment

Play = Callable[..., Experiment]


def queued(tasks: int = 3, **options: Any) -> Experiment:
    experiment = doors.doors_experiment(tasks, **options)
    services.start(experiment.pk)
    return experiment


class Interrupted:
    """An actor that lets something happen at its n-th decision, and then answers as usual."""

    def __init__(self, at: int, happening: Callable[[], object]) -> None:
        self.at, self.happening = at, happening
        self.calls, self.lock = 0, threading.Lock()

    def __call__(self, messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
        with self.lock:
            self.calls += 1
            now = self.calls == self.at
        if now:
            self.happening()
        return doors.told_door(messages, admissible, seed)
