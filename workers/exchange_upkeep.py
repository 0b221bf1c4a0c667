"""Exports and imports that nobody works on any more are taken up again; old files go."""

from webapp import jobs
from webapp.exchange.models import Transfer
from webapp.exchange.services import remove_expired


def take_up_lost_transfers() -> list[int]:
    """Queue the transfers that are free and have no waiting job; return their ids.

    A job too many finds nothing to claim and ends.
    """
    remove_expired()
    waiting = set(jobs.waiting_jobs(jobs.EXCHANGE, jobs.RUN_TRANSFER))
    free = Transfer.objects.claimable().order_by("pk").values_list("pk", flat=True)
    found = [pk for pk in free if pk not in waiting]
    for pk in found:
        jobs.queue_job(jobs.EXCHANGE, jobs.RUN_TRANSFER, pk)
    return found
