"""Plays the retries that a trainer asks for: the worker's half of `retro_core.training.retries`."""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput, RetroError
from retro_core.prompts.grammar import reflection_grammar, whole_lines
from retro_core.training.retries import RewardRequest
from retro_core.trials import PastTrial, play_retry
from retro_core.types import Episode, Task
from webapp.episodes.models import Reflection
from webapp.episodes.records import past_trials
from webapp.experiments.models import Experiment
from webapp.training.models import SnapshotItem
from workers.build import Parts, build
from workers.database import insist

PLAYERS = 4
UNKNOWN = "The snapshot holds no such failure of {}."
GONE = "The episodes of {} cannot be played again: their experiment was deleted or not played here."


class Retries:
    """Plays retries of the failures of one snapshot. Safe to share between threads.

    Seeds are those of the recorded trial, so the same text on the same failure is rated the same.
    """

    def __init__(self, snapshot_id: int, journal: Path) -> None:
        self.snapshot_id, self.journal = snapshot_id, journal
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._parts: dict[int, Parts] = {}

    def ratings(self, requests: list[RewardRequest]) -> list[float]:
        """The ratings of some reflections, in order. Raises what an endpoint raises."""
        players = ThreadPoolExecutor(PLAYERS)
        try:
            return list(players.map(self.rating, requests))
        finally:
            players.shutdown(cancel_futures=True)

    def rating(self, request: RewardRequest) -> float:
        """Play the trial after the failure, with this reflection as an experiment would keep it."""
        reflection = insist(lambda: self._reflection(request))
        parts = insist(lambda: self._parts_of(reflection))
        past, task = insist(lambda: _past(reflection))
        if self.closing.is_set():
            raise EndpointUnavailable("The worker is leaving.")
        text = _as_kept(request.text, task, past, parts)
        episode, rating = play_retry(
            parts.create_env(),
            parts.actor,
            task,
            past,
            text,
            config=parts.config,
            prompts=parts.prompts,
        )
        self._note(text, episode, rating)
        return rating

    def _reflection(self, request: RewardRequest) -> Reflection:
        items = SnapshotItem.objects.filter(
            snapshot=self.snapshot_id,
            environment=request.environment,
            task_key=request.task_id,
            trial=request.trial,
            prompt=request.prompt,
        )
        number = items.values_list("reflection_id", flat=True).order_by("position").first()
        if number is None:
            raise InvalidInput(UNKNOWN.format(request.task_id))
        rows = Reflection.objects.select_related("experiment", "episode__task")
        found = rows.filter(pk=number).first()
        if found is None or found.experiment.source != Experiment.Source.PLAYED:
            raise InvalidInput(GONE.format(request.task_id))
        return found

    def _parts_of(self, reflection: Reflection) -> Parts:
        with self._lock:
            number = reflection.experiment_id
            if number not in self._parts:
                self._parts[number] = build(reflection.experiment, reflects=False)
            return self._parts[number]

    def _note(self, text: str, episode: Episode, rating: float) -> None:
        """Keep what was played beside the trainer's files."""
        line = {
            "task_id": episode.task_id,
            "trial": episode.trial,
            "text": text,
            "rating": rating,
            "episode_return": episode.episode_return,
            "success": episode.success,
            "actions": [step.action for step in episode.steps],
        }
        with self._lock, self.journal.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


def _past(reflection: Reflection) -> tuple[list[PastTrial], Task]:
    """The recorded trials up to the failure that the reflection is about."""
    episode = reflection.episode
    trials = past_trials(episode.experiment_id, episode.task_id)
    return trials[: episode.trial], episode.task.as_core()


def _as_kept(text: str, task: Task, past: Sequence[PastTrial], parts: Parts) -> str:
    """Without a last line that the token limit cut short, where the experiment asks for lines."""
    episodes = [trial.episode for trial in past]
    return whole_lines(text, reflection_grammar(episodes, parts.config, parts.prompts, task.goal))


@contextmanager
def serving_retries(snapshot_id: int, address_file: Path) -> Iterator[Retries]:
    """Answer a trainer on this machine for the length of the block."""
    retries = Retries(snapshot_id, address_file.with_name("retries.jsonl"))
    path = f"/{secrets.token_urlsafe(16)}"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, retries, path))
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address_file.touch(mode=0o600)
    address_file.write_text(f"http://127.0.0.1:{server.server_port}{path}")
    try:
        yield retries
    finally:
        retries.closing.set()
        address_file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request of a trainer."""

    def __init__(self, retries: Retries, path: str, *socket: Any) -> None:
        self.retries, self.known_path = retries, path
        super().__init__(*socket)  # the base class answers within its constructor

    def do_POST(self) -> None:
        """Play, and answer with ratings or with the reason why not."""
        if not secrets.compare_digest(self.path, self.known_path):
            self._answer(404, {"error": "There is nothing here."})
            return
        try:
            length = int(self.headers["content-length"])
            asked = json.loads(self.rfile.read(length))["requests"]
            requests = [RewardRequest(**one) for one in asked]
        except (LookupError, TypeError, ValueError) as error:
            self._answer(400, {"error": f"Not a request for retries: {error}"})
            return
        try:
            self._answer(200, {"ratings": self.retries.ratings(requests)})
        except (EndpointUnavailable, EndpointRefused) as error:
            words = f"The actor did not play the retries: {error} Resume when it answers again."
            self._answer(503, {"error": words})
        except RetroError as error:
            self._answer(422, {"error": str(error)})

    def _answer(self, status: int, values: Mapping[str, Any]) -> None:
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The trainer's log tells enough."""
