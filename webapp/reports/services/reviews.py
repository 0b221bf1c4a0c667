"""Asking for reviews and answering them."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.experiments.models import Experiment
from webapp.notifications.services import notify
from webapp.reports.models import Report, Review


def ask(target: Experiment | Report, asked_by: User, reviewer: User, note: str) -> Review:
    """Ask one person, and tell them. Raises InvalidInput if the same question waits already."""
    columns = {"experiment": target} if isinstance(target, Experiment) else {"report": target}
    version = None if isinstance(target, Experiment) else target.version
    try:
        with transaction.atomic():
            review = Review.objects.create(
                **columns, version=version, asked_by=asked_by, reviewer=reviewer, note=note
            )
    except IntegrityError as error:
        raise InvalidInput(f"{reviewer.get_username()} was asked already.") from error
    notify([reviewer], f"asks you to review {target}", address_of(review), actor=asked_by)
    return review


def answer(review: Review, state: str, comment: str) -> bool:
    """Approve or request changes; False if it was answered before."""
    waiting = Review.objects.filter(pk=review.pk, state=Review.State.WAITING)
    answered = waiting.update(state=state, comment=comment, answered_at=timezone.now())
    if answered and review.asked_by:
        words = "approved" if state == Review.State.APPROVED else "requests changes to"
        target = review.experiment or review.report
        notify([review.asked_by], f"{words} {target}", address_of(review), actor=review.reviewer)
    return bool(answered)


def address_of(review: Review) -> str:
    """The page of what is reviewed."""
    if review.experiment_id:
        return reverse("experiments:detail", args=[review.experiment_id]) + "#reviews"
    return reverse("reports:detail", args=[review.report_id]) + "#reviews"
