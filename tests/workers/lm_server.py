"""A loopback language model: chooses by the seed among the given strings, over both protocols."""

import hashlib
import json
import threading
import time
from collections.abc import Container, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pytest_django.fixtures import Settings


class LoopbackModel:
    """Serves on one port, can go away and come back on it. Equal requests, equal answers.

    For an adapter that it does not hold it writes as without one, and it lists those that it holds
    only if told to: as text-generation-inference.
    """

    def __init__(self, seconds_per_call: float) -> None:
        self.seconds_per_call = seconds_per_call
        self.calls = 0
        self.adapters: dict[str, str] = {}  # sha256 of the weights by name
        self.lists_adapters = False
        self.server: ThreadingHTTPServer | None = None
        self.port = 0
        self.come_back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come_back(self) -> None:
        model = self

        class Handler(_Handler):
            served = model

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def go_away(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def both_endpoints(settings: Settings) -> Iterator[LoopbackModel]:
    """A model at both addresses of the settings, for the length of a fixture."""
    served = LoopbackModel(seconds_per_call=0)
    settings.ACTOR_BASE_URL = f"{served.url}/v1"
    settings.REFLECTOR_URL = served.url
    yield served
    served.go_away()


class _Handler(BaseHTTPRequestHandler):
    served: LoopbackModel

    def do_GET(self) -> None:
        if not self.served.lists_adapters:
            self._answer(404, {"error": "There is nothing here."})
            return
        held = self.served.adapters.items()
        self._answer(200, {"adapters": [{"name": name, "sha256": sha} for name, sha in held]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/adapters":
            self._answer(404, {"error": "Adapters are read at the start."})
            return
        self.served.calls += 1
        time.sleep(self.served.seconds_per_call)
        chats = self.path.endswith("/chat/completions")
        self._answer(200, _chat(body) if chats else _generate(body, self.served.adapters))

    def _answer(self, status: int, answer: object) -> None:
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        return


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    choices = body["response_format"]["json_schema"]["schema"]["enum"]
    chosen = choices[_number(body["messages"], body["seed"]) % len(choices)]
    message = {"role": "assistant", "content": json.dumps(chosen)}
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103},
    }


def _generate(body: dict[str, Any], adapters: Container[str]) -> list[dict[str, Any]]:
    adapter = body["parameters"].get("adapter_id")
    writer = adapter if adapter in adapters else "Plan"
    number = _number(body["inputs"], body["parameters"]["seed"])
    details = {
        "finish_reason": "length",
        "generated_tokens": 4,
        "seed": 1,
        "prefill": [],
        "tokens": [],
    }
    return [{"generated_text": f"{writer} {number % 1000}.", "details": details}]


def _number(prompt: object, seed: int) -> int:
    text = json.dumps([prompt, seed])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
