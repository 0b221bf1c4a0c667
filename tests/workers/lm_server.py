"""A loopback language model: chooses by the seed among the given strings, over both protocols."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackModel:
    """Serves on one port, can go away and come back on it. Equal requests, equal answers."""

    def __init__(self, seconds_per_call: float) -> None:
        self.seconds_per_call = seconds_per_call
        self.calls = 0
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


class _Handler(BaseHTTPRequestHandler):
    served: LoopbackModel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.served.calls += 1
        time.sleep(self.served.seconds_per_call)
        answer = _chat(body) if self.path.endswith("/chat/completions") else _generate(body)
        payload = json.dumps(answer).encode()
        self.send_response(200)
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


def _generate(body: dict[str, Any]) -> list[dict[str, Any]]:
    number = _number(body["inputs"], body["parameters"]["seed"])
    details = {
        "finish_reason": "length",
        "generated_tokens": 4,
        "seed": 1,
        "prefill": [],
        "tokens": [],
    }
    return [{"generated_text": f"Plan {number % 1000}.", "details": details}]


def _number(prompt: object, seed: int) -> int:
    text = json.dumps([prompt, seed])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
