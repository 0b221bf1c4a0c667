"""Stands in for text-generation-launcher: adapters from LORA_ADAPTERS at its start, and no route
to load one; an unknown adapter gets the base model's text without a word."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HELD = {pair.partition("=")[0] for pair in os.environ.get("LORA_ADAPTERS", "").split(",")}  # noqa: TID251


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/":
            self.send_error(404)
            return
        name = body["parameters"].get("adapter_id") or ""
        text = f"{name} plans." if name and name in HELD else "I was wrong."
        details = {"finish_reason": "length", "generated_tokens": 3, "prefill": [], "tokens": []}
        answer = json.dumps([{"generated_text": text, "details": details}]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["STAND_IN_PORT"])), Handler).serve_forever()  # noqa: TID251
