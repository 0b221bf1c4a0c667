from django.conf import settings
from django.db import models

from webapp.episodes.models import Reflection


class Snapshot(models.Model):
    """A query of the replay buffer, frozen: its items never change, the database sees to it."""

    name = models.CharField(max_length=120, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    query = models.JSONField(default=dict, help_text="webapp.training.services.buffer.BufferQuery")
    sha256 = models.CharField(max_length=64, help_text="Of the exported file, byte for byte")
    items_count = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="Counts by split, rating and environment")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name


class SnapshotItem(models.Model):
    """A rated reflection as it was when the snapshot was taken.

    `reflection` has no database constraint: the copy stays when the original is deleted.
    """

    class Split(models.TextChoices):
        TRAIN = "train"
        VALIDATION = "validation"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    split = models.CharField(max_length=10, choices=Split.choices)
    reflection = models.ForeignKey(
        Reflection,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="snapshot_items",
    )
    experiment_name = models.CharField(max_length=160)
    environment = models.CharField(max_length=60)
    task_key = models.CharField(max_length=200)
    task_split = models.CharField(max_length=40)
    trial = models.PositiveSmallIntegerField()
    adapter = models.CharField(max_length=120, blank=True)
    source = models.CharField(
        max_length=10,
        blank=True,
        help_text="Who wrote it; empty in snapshots from before it was kept",
    )
    prompt = models.TextField()
    text = models.TextField()
    rating = models.FloatField()
    automatic_rating = models.FloatField(null=True)
    human_rating = models.FloatField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "position"], name="snapshot_position_once")
        ]
