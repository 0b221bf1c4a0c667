"""A client of Retroformer Studio in one file: copy it next to your agent. Standard library only.

    studio = Studio("http://127.0.0.1:8000", token="rfs_...")
    run = studio.open_experiment("my agent", environment="doors")
    with run.episode("task-1", trial=1, goal="Get out.") as episode:
        episode.step(action="open red", observation="A wall.")
        episode.end(success=False, episode_return=0.25)
    run.reflection("task-1", trial=1, text="Red is a wall: try blue.")
    print(run.curve()["success_percent"])

Every call can be repeated: what the studio has already stays as it is. Calls that fail on the way
are tried again; answers that refuse raise StudioError with the studio's own words. An agent that
crashed in the middle of an episode begins it again with `run.episode(..., restart=True)`.
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Json = dict[str, Any]
PAUSES = (0.5, 1.0, 2.0, 5.0)
RETRIED = {429, 502, 503, 504}
STEPS_AT_A_TIME = 20


class StudioError(Exception):
    """The studio refuses; `status` is the HTTP status, `code` its own word for it."""

    def __init__(self, status: int, code: str, message: str, details: list[Any]) -> None:
        super().__init__(f"{status} {code}: {message} {details or ''}".strip())
        self.status, self.code, self.details = status, code, details


@dataclass
class Studio:
    """One studio and one token."""

    address: str
    token: str
    timeout: float = 30.0

    def open_experiment(self, name: str, *, environment: str, **more: Any) -> "Run":
        """An experiment that takes pushed episodes; the same again is found, not made twice.

        Method, actor, trials, seed and notes may be told.
        """
        body = {"name": name, "environment": environment, "source": "pushed", **more}
        return Run(self, self.post("/experiments", body)["id"])

    def play_experiment(self, name: str, *, task_set: str, **more: Any) -> Json:
        """An experiment that the studio plays itself; `start=True` queues it at once."""
        body = {"name": name, "task_set": task_set, "source": "played", **more}
        return self.post("/experiments", body)

    def experiments(self) -> Iterator[Json]:
        """Every experiment."""
        return self.pages("/experiments")

    def experiment(self, name: str) -> "Run":
        """A stored experiment by its name."""
        query = urllib.parse.urlencode({"name": name})
        found = self.get(f"/experiments?{query}")["items"]
        if not found:
            raise StudioError(404, "not_found", f"There is no experiment named {name!r}.", [])
        return Run(self, found[0]["id"])

    def get(self, path: str) -> Json:
        """Read an address of the API."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Json) -> Json:
        """Write to an address of the API."""
        return self._call("POST", path, body)

    def pages(self, path: str) -> Iterator[Json]:
        """Every row of a list, a page at a time."""
        after: int | None = 0
        while after is not None:
            page = self.get(f"{path}?after={after}&limit=200")
            yield from page["items"]
            after = page["after"]

    def _call(self, method: str, path: str, body: Json | None) -> Json:
        request = urllib.request.Request(
            f"{self.address.rstrip('/')}/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        for pause in PAUSES:
            try:
                return self._answer(request)
            except StudioError as error:
                if error.status not in RETRIED:
                    raise
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass
            time.sleep(pause)
        return self._answer(request)

    def _answer(self, request: urllib.request.Request) -> Json:
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                told: Json = json.load(answer)
                return told
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error


@dataclass
class Run:
    """One experiment: push to it while your agent plays, read from it at any time."""

    studio: Studio
    id: int

    def episode(
        self, task_id: str, *, trial: int, goal: str = "", restart: bool = False
    ) -> "EpisodeLog":
        """Begin an episode; use it in a `with` block.

        With `restart` one that was left open is begun again: its steps so far are dropped.
        """
        place = {"task_id": task_id, "trial": trial}
        self.post("/episodes", {**place, "goal": goal, "restart": restart})
        return EpisodeLog(self, task_id, trial)

    def reflection(self, task_id: str, *, trial: int, text: str, prompt: str = "") -> Json:
        """What was written after a trial; the next trial rates it."""
        place = {"task_id": task_id, "trial": trial}
        return self.post("/reflections", {**place, "text": text, "prompt": prompt})

    def finish(self) -> Json:
        """No more episodes will come."""
        return self.post("/finish", {})

    def read(self) -> Json:
        """The experiment with its counters."""
        return self.get("")

    def curve(self) -> Json:
        """Success by trial (`success_percent`) and mean return, with intervals in `points`."""
        return self.get("/curve")

    def episodes(self) -> Iterator[Json]:
        """Its episodes, without their steps."""
        return self.studio.pages(f"/experiments/{self.id}/episodes")

    def reflections(self) -> Iterator[Json]:
        """Its reflections with their ratings."""
        return self.studio.pages(f"/experiments/{self.id}/reflections")

    def ratings(self) -> Iterator[Json]:
        """The ratings of its reflections: automatic, human, effective."""
        return self.studio.pages(f"/experiments/{self.id}/ratings")

    def get(self, path: str) -> Json:
        return self.studio.get(f"/experiments/{self.id}{path}")

    def post(self, path: str, body: Json) -> Json:
        return self.studio.post(f"/experiments/{self.id}{path}", body)


@dataclass
class EpisodeLog:
    """An episode being played. Steps are sent some at a time, and whenever `flush` is called."""

    run: Run
    task_id: str
    trial: int
    sent: int = 0
    ended: bool = False
    waiting: list[Json] = field(default_factory=list)

    def step(self, *, action: str, observation: str = "", thought: str = "", **more: Any) -> None:
        """Log one turn: reward, invalid, prompt_tokens, completion_tokens, seconds may be told."""
        told = {"action": action, "observation": observation, "thought": thought}
        self.waiting.append({**told, **more})
        if len(self.waiting) >= STEPS_AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self.waiting:
            body = {**self._place(), "first_index": self.sent, "steps": self.waiting}
            self.run.post("/steps", body)
            self.sent += len(self.waiting)
            self.waiting = []

    def end(self, *, success: bool, **more: Any) -> Json:
        """End it: truncated, episode_return and final_answer may be told."""
        self.flush()
        body = {**self._place(), "success": success, "steps_count": self.sent, **more}
        self.ended = True
        return self.run.post("/end", body)

    def _place(self) -> Json:
        return {"task_id": self.task_id, "trial": self.trial}

    def __enter__(self) -> "EpisodeLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """An episode that nobody ended was cut off: it is recorded as truncated."""
        if not self.ended and kind is None:
            self.end(success=False, truncated=True)


def _refusal(error: urllib.error.HTTPError) -> StudioError:
    try:
        told = json.load(error)["error"]
        return StudioError(error.code, told["code"], told["message"], told["details"])
    except (ValueError, KeyError, TypeError):
        return StudioError(error.code, "error", error.reason or "", [])
