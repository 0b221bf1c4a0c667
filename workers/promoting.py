"""The job that promotes an adapter or rolls back. It can be queued twice, and be killed.

It is on the exchange queue: a training run may hold the training worker for hours.
"""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

from retro_core.errors import InvalidInput
from webapp import jobs
from webapp.adapters.models import MAX_UNFINISHED_CLAIMS, Promotion
from webapp.adapters.services.asking import carry_out
from workers.database import insist

BEAT_SECONDS = 5.0
log = logging.getLogger(__name__)
Status = Promotion.Status


def promote(promotion_id: int) -> None:
    """Do it to its end; nothing happens if it is not to be done now."""
    holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    asked = insist(lambda: Promotion.objects.claim(promotion_id, holder))
    if asked is None:
        return
    status, told = _tried(asked, holder)
    insist(lambda: Promotion.objects.end(promotion_id, holder, status=status, told=told))


def take_up_lost_promotions() -> list[int]:
    """Queue those that are free and have no waiting job; return their ids."""
    free = set(Promotion.objects.claimable().values_list("pk", flat=True))
    waiting = jobs.waiting_jobs(jobs.EXCHANGE, jobs.PROMOTE) if free else []
    found = sorted(free - set(waiting))
    for pk in found:
        jobs.queue_job(jobs.EXCHANGE, jobs.PROMOTE, pk)
    return found


def _tried(asked: Promotion, holder: str) -> tuple[Status, str]:
    if asked.unfinished_claims > MAX_UNFINISHED_CLAIMS:
        return Status.REFUSED, f"It ended its worker {MAX_UNFINISHED_CLAIMS} times; see the log."
    try:
        with _renewing(asked.pk, holder):
            return Status.DONE, carry_out(asked)
    except InvalidInput as error:
        return Status.REFUSED, str(error)


@contextmanager
def _renewing(pk: int, holder: str) -> Iterator[None]:
    """Renew the lease from a thread until the block ends."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(BEAT_SECONDS):
            try:
                Promotion.objects.renew(pk, holder)
            except (OperationalError, InterfaceError) as error:
                log.warning("Lease of promotion %s not renewed: %s", pk, error)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
