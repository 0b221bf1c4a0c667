from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

LEASE = timedelta(seconds=30)  # by the database's clock: those of workers may differ
MAX_UNFINISHED_CLAIMS = 5
WorkT = TypeVar("WorkT", bound="Work")


class WorkQuerySet(models.QuerySet[WorkT], Generic[WorkT]):
    """Questions about work for workers, and the one way to claim it."""

    def claimable(self) -> "WorkQuerySet[WorkT]":
        """Queued, or lost by a worker that stopped renewing."""
        gone = Q(status=Work.Status.RUNNING, lease_expires_at__lt=Now())
        return self.filter(Q(status=Work.Status.QUEUED) | gone)

    def claim(self, pk: int, holder: str) -> WorkT | None:
        """Take it; None if it is done, or held by another."""
        taken = (
            self.claimable()
            .filter(pk=pk)
            .update(
                status=Work.Status.RUNNING,
                reason="",
                lease_holder=holder,
                lease_expires_at=Now() + LEASE,
                unfinished_claims=F("unfinished_claims") + 1,
            )
        )
        return self.get(pk=pk) if taken else None

    def held_by(self, pk: int, holder: str) -> "WorkQuerySet[WorkT]":
        """It, if this holder still has it."""
        return self.filter(pk=pk, status=Work.Status.RUNNING, lease_holder=holder)

    def renew(self, pk: int, holder: str) -> bool:
        """Extend the lease; False if another worker has it by now, or a person stopped it."""
        return bool(self.held_by(pk, holder).update(lease_expires_at=Now() + LEASE))

    def end(self, pk: int, holder: str, *, status: str, reason: str = "", **columns: Any) -> bool:
        """Let go of it; False if another worker holds it by now."""
        return bool(
            self.held_by(pk, holder).update(
                status=status,
                reason=reason,
                lease_holder="",
                lease_expires_at=None,
                unfinished_claims=0,
                finished_at=None if status == Work.Status.QUEUED else timezone.now(),
                **columns,
            )
        )


class Work(models.Model):
    """Something that a worker does for people, held by a lease while it does."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it failed, in words to act on")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    lease_holder = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    unfinished_claims = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_moving(self) -> bool:
        """Whether its page may still change by itself."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def look(self) -> str:
        """The stylesheet's word for its state."""
        return "finished" if self.status == self.Status.DONE else self.status
