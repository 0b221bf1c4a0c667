"""Asking a worker to promote an adapter or to roll back: a server may need minutes for it."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from retro_core.errors import InvalidInput
from webapp import jobs
from webapp.adapters.models import Adapter, Promotion
from webapp.adapters.services.promoting import check_promotion, promote, roll_back


def ask_promotion(adapter: Adapter, *, to: str, reason: str, person: User | None) -> Promotion:
    """Store what is asked for and queue it. Raises InvalidInput."""
    check_promotion(adapter, to)
    return _ask(Promotion(adapter=adapter, to_stage=to, reason=reason, person=person))


def ask_roll_back(person: User | None, seen: str = "") -> Promotion:
    """Ask for the adapter that was in production before. Raises InvalidInput if none is now.

    `seen` is the id of the one that was in production when the person looked: where another one is
    meanwhile, it is not what they meant to take back.
    """
    current = Adapter.objects.in_production()
    if current is None:
        raise InvalidInput("No adapter is in production.")
    if seen and seen != str(current.pk):
        raise InvalidInput(f"Meanwhile {current} is in production: look again.")
    return _ask(Promotion(adapter=current, kind=Promotion.Kind.ROLL_BACK, person=person))


def carry_out(asked: Promotion) -> str:
    """Do what was asked for; return what came of it. Raises InvalidInput where it is refused.

    A worker that was killed may have done it already: then nothing is left to do.
    """
    adapter = asked.adapter
    if asked.kind == Promotion.Kind.ROLL_BACK:
        if adapter.stage != Adapter.Stage.PRODUCTION:
            return f"{adapter} is no longer in production."
        earlier = roll_back(asked.person)
        return f"{earlier} is in production again." if earlier else "None is in production now."
    if adapter.stage != asked.to_stage:
        promote(adapter, to=asked.to_stage, reason=asked.reason, person=asked.person)
    return f"{adapter} is in {asked.to_stage}: the probe saw a change."


def _ask(asked: Promotion) -> Promotion:
    try:
        with transaction.atomic():
            asked.save()
            jobs.queue_job(jobs.EXCHANGE, jobs.PROMOTE, asked.pk)
    except IntegrityError as error:
        raise InvalidInput(f"{asked.adapter} is being promoted or rolled back already.") from error
    return asked
