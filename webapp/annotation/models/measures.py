from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from webapp.adapters.models import Adapter
from webapp.annotation.models.queues import Queue
from webapp.annotation.models.work import Work, WorkQuerySet
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, TrainingRun


class TextFeatures(models.Model):
    """The mean-pooled hidden states of a frozen model over one reflection's text, kept by hash."""

    base = models.CharField(max_length=64, help_text="sha256 of the frozen model's weights")
    text_sha256 = models.CharField(max_length=64)
    vector = models.BinaryField(help_text="float32, little-endian")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base", "text_sha256"], name="features_once_per_text")
        ]


class ModelScore(models.Model):
    """What a reward model thinks of one reflection, in log-odds: above 0 is good."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="scores")
    reflection = models.ForeignKey(Reflection, on_delete=models.CASCADE, related_name="scores")
    score = models.FloatField()
    scored_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reflection", "adapter"], name="score_once_per_reward_model"
            )
        ]


class Measurement(Work):
    """Work of a model over many reflections, done by a child of the training worker.

    `scores`: a reward model reads every reflection. `effect`: what people's ratings of a snapshot
    change for a small head on frozen features. `retraining`: two reward models on held-out tasks.
    """

    class Kind(models.TextChoices):
        SCORES = "scores", "reward model scores"
        EFFECT = "effect", "effect before retraining"
        RETRAINING = "retraining", "reward models before and after"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    adapter = models.ForeignKey(
        Adapter, null=True, on_delete=models.CASCADE, related_name="measurements"
    )
    earlier = models.ForeignKey(Adapter, null=True, on_delete=models.CASCADE, related_name="+")
    snapshot = models.ForeignKey(
        Snapshot, null=True, on_delete=models.CASCADE, related_name="measurements"
    )
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0, help_text="Texts to read; 0 is not known yet")
    result: "models.JSONField[dict[str, Any]]" = models.JSONField(default=dict)

    objects = WorkQuerySet["Measurement"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="effect", snapshot__isnull=False)
                | Q(kind="scores", adapter__isnull=False)
                | Q(kind="retraining", adapter__isnull=False, snapshot__isnull=False),
                name="measurement_has_its_subject",
            ),
            models.UniqueConstraint(
                fields=["kind", "adapter", "earlier", "snapshot"],
                condition=Q(status__in=["queued", "running"]),
                nulls_distinct=False,
                name="one_moving_measurement_each",
            ),
        ]


class Retraining(models.Model):
    """A snapshot frozen and a reward model started from a queue, to compare before and after."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="retrainings")
    snapshot = models.OneToOneField(Snapshot, on_delete=models.PROTECT, related_name="retraining")
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="retraining")
    earlier = models.ForeignKey(
        Adapter, null=True, on_delete=models.PROTECT, help_text="The reward model before"
    )
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    made_at = models.DateTimeField(auto_now_add=True)
