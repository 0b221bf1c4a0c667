"""A real HTTP server on the loopback that answers from a list: for tests of the clients."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `hang` never answers until the server is closed."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass
class Loopback:
    """Where the server listens, and what it was sent."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def serving(*answers: Answer) -> Iterator[Loopback]:
    """Answer requests in order; the last answer is given for ever."""
    left, closed = list(answers), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            served.bodies.append(json.loads(self.rfile.read(length)))
            served.headers.append({name.lower(): value for name, value in self.headers.items()})
            served.paths.append(self.path)
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer.hang:
                closed.wait()
                return
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Loopback(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        closed.set()
        server.shutdown()
        server.server_close()
        thread.join()
