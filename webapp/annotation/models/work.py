from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.leases import Leased, LeasedQuerySet

WorkT = TypeVar("WorkT", bound="Work")


class WorkQuerySet(LeasedQuerySet[WorkT], Generic[WorkT]):
    """Questions about work for workers, and the one way to claim it."""

    def claim(self, pk: int, holder: str) -> WorkT | None:
        """Take it; None if it is done, or held by another."""
        return self.get(pk=pk) if self._take(pk, holder, reason="") else None

    def end(self, pk: int, holder: str, *, status: str, reason: str = "", **columns: Any) -> bool:
        """Let go of it; False if another worker holds it by now."""
        return self.let_go(
            pk,
            holder,
            status=status,
            reason=reason,
            unfinished_claims=0,
            finished_at=None if status == Work.Status.QUEUED else timezone.now(),
            **columns,
        )


class Work(Leased):
    """Something that a worker does for people, held by a lease while it does."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    FREE = (Status.QUEUED,)
    TAKEN = (Status.RUNNING,)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it failed, in words to act on")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
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
