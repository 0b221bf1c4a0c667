from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from webapp.leases import Leased, LeasedQuerySet

KEPT = timedelta(days=7)
PACKED = "dataset.zip"
BAD_ROWS = "bad-rows.csv"


class TransferQuerySet(LeasedQuerySet["Transfer"]):
    """Questions about exports and imports, and the one way to claim one."""

    def claim(self, pk: int, holder: str) -> "Transfer | None":
        """Take a free one; None if it is not to be done now."""
        begun = Coalesce("started_at", timezone.now())
        taken = self._take(pk, holder, started_at=begun, rows_done=0, phase="")
        return self.select_related("owner").get(pk=pk) if taken else None

    def expired(self) -> "TransferQuerySet":
        """Those whose files are due to go."""
        at_rest = [Transfer.Status.DONE, Transfer.Status.REFUSED, Transfer.Status.FAILED]
        return self.filter(status__in=at_rest, expires_at__lt=Now(), files_removed=False)


class Transfer(Leased):
    """An export or an import: a job with progress, files in a folder of its own, and an end."""

    class Direction(models.TextChoices):
        EXPORT = "export"
        IMPORT = "import"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        REFUSED = "refused", "bad rows"
        FAILED = "failed"

    FREE = (Status.QUEUED,)
    TAKEN = (Status.RUNNING,)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="transfers"
    )
    direction = models.CharField(max_length=6, choices=Direction.choices)
    title = models.CharField(max_length=200)
    request: "models.JSONField[dict[str, Any]]" = models.JSONField(
        default=dict, help_text="webapp.exchange.requests as JSON"
    )
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.QUEUED)
    phase = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    rows_total = models.PositiveBigIntegerField(default=0, help_text="0 is not known")
    bytes = models.PositiveBigIntegerField(default=0)
    bad_count = models.PositiveIntegerField(default=0)
    report: "models.JSONField[dict[str, Any]]" = models.JSONField(default=dict)
    files_removed = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = TransferQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="transfer_of_owner")]
        permissions = [("transfer_data", "Can export and import data")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_moving(self) -> bool:
        """Whether its numbers may still change by themselves."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def is_lost(self) -> bool:
        """Whether its worker stopped renewing the lease: another one takes it up."""
        expires = self.lease_expires_at
        return (
            self.status == self.Status.RUNNING and expires is not None and expires < timezone.now()
        )

    @property
    def folder(self) -> Path:
        """Where its files lie; shared by the web server and the workers."""
        folder: Path = settings.PLACES.exchange
        return folder / str(self.pk)
