"""The studio's web server as a process of its own that tests can kill."""

import os
import signal
import time

from retro_core.supervisor import service
from webapp.system import stack


class WebServer:
    """The studio's web server as a process of its own, on the test database."""

    def __init__(self) -> None:
        self.service = stack.web_server()
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.process = service.start(self.service)
        service.wait_until_ready(self.service, self.process)

    def kill(self) -> None:
        """kill -9, master and workers at once; a moment later it is started again."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        time.sleep(1)
        self.start()

    def stop(self) -> None:
        service.ask_to_stop(self.service, self.process)
        service.finish(self.service, self.process)

    @property
    def address(self) -> str:
        """Where browsers find it."""
        words = self.service.command
        return f"http://{words[words.index('--bind') + 1]}"
