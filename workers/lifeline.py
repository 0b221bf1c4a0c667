"""An RQ worker whose forks end with it, even when it is killed."""

import os
import signal
from collections import deque

from rq import Worker
from rq.exceptions import StopRequested
from rq.worker import WorkerStatus

from retro_core.supervisor.child import end_with_parent


class LifelineWorker(Worker):  # type: ignore[misc]  # rq has no types here
    """Its work horses and its scheduler are killed at its death: no job plays on unseen."""

    def work(self, *args: object, **kwargs: object) -> bool:
        """Tie the processes that this one forks to it, then work as usual."""
        tie_forks_to_this_process()
        return bool(super().work(*args, **kwargs))

    def handle_warm_shutdown_request(self) -> None:
        """Remember it: the exception by which a free worker is stopped can fall among any code.

        It rises in a signal handler, and whatever catches `Exception` at that moment swallows it.
        """
        super().handle_warm_shutdown_request()
        self._stop_requested = True

    def heartbeat(self, *args: object, **kwargs: object) -> None:
        """Beat, unless a free worker was asked to stop. Raises StopRequested (again)."""
        if self._stop_requested and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(*args, **kwargs)


def tie_forks_to_this_process() -> None:
    """Let every direct fork end with this process. Programs started by exec are not meant."""
    me = os.getpid()
    forking: deque[int] = deque(maxlen=1)

    def in_child() -> None:
        if forking[-1] == me:
            end_with_parent(me, signal.SIGKILL)

    os.register_at_fork(before=lambda: forking.append(os.getpid()), after_in_child=in_child)
