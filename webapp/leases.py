"""Rows that one worker holds at a time, by a lease: a killed worker's runs out by itself.

Only conditional UPDATEs decide who holds a row, so two workers never both win.
"""

from datetime import timedelta
from typing import Any, ClassVar, Generic, Self, TypeVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

LEASE = timedelta(seconds=30)  # by the database's clock: those of workers may differ
MAX_UNFINISHED_CLAIMS = 5
LeasedT = TypeVar("LeasedT", bound="Leased")


class LeasedQuerySet(models.QuerySet[LeasedT], Generic[LeasedT]):
    """Who may take a row, who has it, and letting go of it."""

    def claimable(self) -> Self:
        """Those that wait for a worker, or are lost by one that stopped renewing."""
        gone = Q(status__in=self.model.TAKEN, lease_expires_at__lt=Now())
        return self.filter(Q(status__in=self.model.FREE) | gone)

    def _take(self, pk: int, holder: str, **columns: Any) -> bool:
        """Hold a free row from now on; False if it is not free. `columns` change with it."""
        taken = (
            self.claimable()
            .filter(pk=pk)
            .update(
                status=self.model.TAKEN[0],
                lease_holder=holder,
                lease_expires_at=Now() + LEASE,
                unfinished_claims=F("unfinished_claims") + 1,
                **columns,
            )
        )
        return bool(taken)

    def held_by(self, pk: int, holder: str) -> Self:
        """It, if this holder still has it."""
        return self.filter(pk=pk, status__in=self.model.TAKEN, lease_holder=holder)

    def renew(self, pk: int, holder: str, **columns: Any) -> bool:
        """Extend the lease; False if another worker has it by now, or a person stopped it."""
        held = self.held_by(pk, holder)
        return bool(held.update(lease_expires_at=Now() + LEASE, **columns))

    def let_go(self, pk: int, holder: str, **columns: Any) -> bool:
        """End the lease, with the columns that say why; False if another worker holds it by now."""
        held = self.held_by(pk, holder)
        return bool(held.update(lease_holder="", lease_expires_at=None, **columns))


class Leased(models.Model):
    """A row with a status that a worker takes up as a whole, and holds until it is at an end.

    `FREE` are the statuses in which any worker may take it. `TAKEN` are those in which one that
    stopped renewing has lost it; taking it gives the first of them.
    """

    FREE: ClassVar[tuple[str, ...]]
    TAKEN: ClassVar[tuple[str, ...]]

    lease_holder = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    unfinished_claims = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True
