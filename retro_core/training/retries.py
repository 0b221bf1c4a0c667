"""Asks for the rating of a fresh reflection by playing the retry: the trainer's half.

The application plays; the trainer holds no key, no environment and no database. Both are on one
machine. `address_file` holds `http://127.0.0.1:PORT/SECRET`, and is read anew at every call, since
a resumed run meets another service. The trainer posts `{"requests": [RewardRequest, ...]}` and
waits for `{"ratings": [number, ...]}`, in order; `{"error": reason}` with a status of 4xx ends the
run with that reason. The same reflection on the same failure must get the same rating, or a
resumed run has other losses.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from retro_core.training.failures import TrainingFailed

LONGEST_WAIT_SECONDS = 6 * 3600.0  # a batch of long games with a slow actor
AWAY = "The service that plays retries is away: {}. Resume when a worker runs again."


@dataclass(frozen=True, slots=True)
class RewardRequest:
    """A fresh reflection on a recorded failure."""

    task_id: str
    environment: str
    trial: int
    prompt: str
    text: str


class RetryClient:
    """A reward function: the ratings of reflections whose retries were played."""

    def __init__(self, address_file: Path) -> None:
        self.address_file = address_file

    def __call__(self, requests: Sequence[RewardRequest]) -> list[float]:
        """Have the retries played. Raises TrainingFailed with the reason where that fails."""
        body = json.dumps({"requests": [asdict(request) for request in requests]}).encode()
        try:
            ratings = self._post(body)["ratings"]
        except urllib.error.HTTPError as error:
            raise TrainingFailed("retry_failed", _reason(error)) from error
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            raise TrainingFailed("retry_failed", AWAY.format(error)) from error
        if len(ratings) != len(requests):
            raise TrainingFailed("retry_failed", AWAY.format("it answered with other retries"))
        return [float(rating) for rating in ratings]

    def _post(self, body: bytes) -> dict[str, list[float]]:
        address = self.address_file.read_text(encoding="utf-8").strip()
        asked = urllib.request.Request(address, body, {"content-type": "application/json"})
        # A proxy of the environment must not come between two processes of one machine.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(asked, timeout=LONGEST_WAIT_SECONDS) as answer:
            values: dict[str, list[float]] = json.load(answer)
        return values


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, LookupError):
        return AWAY.format(error)
