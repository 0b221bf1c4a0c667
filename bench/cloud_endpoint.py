"""A stand-in for a cloud chat endpoint on the loopback: its protocol, key and latency.

`python -m bench.cloud_endpoint --port 8090 --key anything` serves until interrupted; then
`ACTOR_BASE_URL=http://127.0.0.1:8090/v1 ACTOR_MODEL=stand-in OPENAI_API_KEY=anything make up`
starts the studio against it.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Seconds a call took of requests to a hosted model of the size of GPT-3.5 are not published with
# the recorded agents, so these are quantiles of the embedded actor's own calls under load.
RECORDED_SECONDS = (0.21, 0.33, 0.42, 0.5, 0.58, 0.67, 0.79, 0.95, 1.3, 2.4)
CHARACTERS_PER_TOKEN = 4
THOUGHT = "I have not found what I need yet, so the best next thing is to look at another place."


class Endpoint(ThreadingHTTPServer):
    """Answers `/v1/chat/completions`: a legal action where the request lists them, else a search.

    `seconds` are drawn from for every call. A wrong key is refused with 401.
    """

    daemon_threads = True

    def __init__(self, port: int, key: str, seconds: Sequence[float]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.key, self.seconds = key, seconds
        self.calls = 0


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:  # the name that http.server calls
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size))
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            refusal = {"message": "Incorrect API key provided.", "code": "invalid_api_key"}
            self._send(401, {"error": refusal})
            return
        self.server.calls += 1
        rng = random.Random(json.dumps(body, sort_keys=True))
        time.sleep(rng.choice(self.server.seconds))
        self._send(200, completion(body, rng))

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of every request."""


def completion(body: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A whole answer in the protocol's form; tokens are characters / 4."""
    text = reply(body, rng)
    read = sum(len(message["content"]) for message in body["messages"]) // CHARACTERS_PER_TOKEN
    made = max(1, len(text) // CHARACTERS_PER_TOKEN)
    return {
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": made,
            "total_tokens": read + made,
        },
    }


def reply(body: dict[str, Any], rng: random.Random) -> str:
    """A legal action as the schema asks for it, or a thought and a search."""
    form = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    if form is None:
        words = body["messages"][-1]["content"].split()
        return f"{THOUGHT}\nAction: search[{' '.join(words[-3:])}]"
    return json.dumps(_filled(form, rng))


def _filled(form: dict[str, Any], rng: random.Random) -> Any:
    if "enum" in form:
        return rng.choice(form["enum"])
    if form.get("type") == "object":
        return {name: _filled(part, rng) for name, part in form.get("properties", {}).items()}
    return THOUGHT


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--key", default="anything")
    parser.add_argument("--latencies", type=Path, help="seconds, one in a line")
    asked = parser.parse_args()
    seconds = RECORDED_SECONDS
    if asked.latencies:
        seconds = tuple(map(float, asked.latencies.read_text(encoding="utf-8").split()))
    with Endpoint(asked.port, asked.key, seconds) as endpoint:
        endpoint.serve_forever()


if __name__ == "__main__":
    main()
