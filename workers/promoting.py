"""The job that promotes an adapter or rolls back. It can be queued twice, and be killed.

It is on the exchange queue: a training run may hold the training worker for hours.
"""

from functools import partial

from retro_core.errors import InvalidInput
from webapp import jobs
from webapp.adapters.models import Promotion
from webapp.adapters.services.asking import carry_out
from workers.database import insist
from workers.holder import holder_name, refuse_if_deadly, renewing

BEAT_SECONDS = 5.0
Status = Promotion.Status


def promote(promotion_id: int) -> None:
    """Do it to its end; nothing happens if it is not to be done now."""
    holder = holder_name()
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
    renew = partial(Promotion.objects.renew, asked.pk, holder)
    try:
        refuse_if_deadly(asked)
        with renewing(renew, f"promotion {asked.pk}", every=BEAT_SECONDS):
            return Status.DONE, carry_out(asked)
    except InvalidInput as error:
        return Status.REFUSED, str(error)
