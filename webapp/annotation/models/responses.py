from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from webapp.annotation.models.queues import Guidelines, Queue, QueueItem
from webapp.episodes.models import Reflection

CRITERIA = {
    "root_cause": "Root cause right",
    "actionable": "Plan actionable",
    "grounded": "Grounded in the trajectory",
    "new": "New, not repeated",
    "concise": "Concise",
}
JUDGEMENTS = {"yes": "yes", "partly": "partly", "no": "no"}
REASONS = {
    "ignored": "Actor ignored good advice",
    "lucky": "Lucky episode",
    "noise": "Environment noise",
    "wrong_cause": "Wrong cause",
    "hallucinated": "Hallucinated",
    "no_plan": "No plan",
}
SPAN_LABELS = {"good": "helps", "bad": "wrong"}
LAST_PLACE = 10**7
CONFIDENCES = [(1, "low"), (2, "medium"), (3, "high")]


def is_span(span: object) -> bool:
    """Whether it is a highlight: where it starts and ends in the reflection, and its label."""
    if not isinstance(span, dict):
        return False
    start, end, label = span.get("start"), span.get("end"), span.get("label")
    places = type(start) is int and type(end) is int and 0 <= start < end <= LAST_PLACE
    return places and isinstance(label, str) and label in SPAN_LABELS


class Draft(models.Model):
    """An answer that is being written. Each save names the version that it saw."""

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="drafts")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    version = models.PositiveIntegerField(default=1)
    body: "models.JSONField[dict[str, Any]]" = models.JSONField(default=dict)
    first_kind = models.CharField(
        max_length=10, blank=True, help_text="The answer before the next episode was shown"
    )
    first_value = models.FloatField(null=True, blank=True)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "person"], name="draft_once_per_person")
        ]


class Batch(models.Model):
    """One label given to many items at once, undone as one."""

    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="batches")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)


class ResponseQuerySet(models.QuerySet["Response"]):
    """Questions about answers."""

    def current(self) -> "ResponseQuerySet":
        """In force: neither replaced nor withdrawn."""
        return self.filter(replaced_by=None).exclude(kind=Response.Kind.WITHDRAWN)

    def valued(self) -> "ResponseQuerySet":
        """In force and with a value."""
        return self.current().exclude(value=None)

    def newest_of_each(self) -> "ResponseQuerySet":
        """One a reflection and person: who was asked again counts once, with the newest.

        An answer that is given again because its correction was taken back is as old as it was.
        """
        said = Coalesce("said_at", "created_at").desc()
        return self.order_by("reflection", "person", said, "-pk").distinct("reflection", "person")


class Response(models.Model):
    """What a person answered: an event that is added and never changed.

    A correction or a withdrawal is a new row that names the one it replaces.
    """

    class Kind(models.TextChoices):
        ACCEPT = "accept"
        OVERRIDE = "override"
        UNSURE = "unsure"
        DISCARD = "discard"
        WITHDRAWN = "withdrawn"

    item = models.ForeignKey(QueueItem, on_delete=models.PROTECT, related_name="responses")
    reflection = models.ForeignKey(Reflection, on_delete=models.PROTECT, related_name="responses")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="responses"
    )
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="entered_responses"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    value = models.FloatField(null=True, blank=True, help_text="In episode return")
    automatic_rating = models.FloatField(null=True, blank=True, help_text="At that time")
    first_kind = models.CharField(max_length=10, blank=True)
    first_value = models.FloatField(null=True, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True, blank=True, choices=CONFIDENCES)
    rubric = models.JSONField(default=dict)
    reasons = ArrayField(models.CharField(max_length=20), default=list)
    spans = models.JSONField(default=list, help_text="{start, end, label}, in characters")
    note = models.TextField(blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="From opening to submitting")
    guidelines = models.ForeignKey(Guidelines, null=True, on_delete=models.PROTECT)
    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="responses"
    )
    key = models.UUIDField(unique=True, help_text="The same submission sent twice has one key")
    digest = models.CharField(max_length=64, help_text="Of what was sent under the key")
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    created_at = models.DateTimeField(default=timezone.now)
    said_at = models.DateTimeField(
        null=True, help_text="When it was first given, where it was given again"
    )

    objects = ResponseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "person"],
                condition=Q(replaces=None),
                name="response_begins_once_per_person",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["accept", "override"], value__isnull=False)
                | Q(kind__in=["unsure", "discard", "withdrawn"], value__isnull=True),
                name="response_value_fits_kind",
            ),
            models.CheckConstraint(
                condition=~Q(kind="withdrawn") | Q(replaces__isnull=False),
                name="response_withdraws_something",
            ),
        ]
        indexes = [models.Index(fields=["reflection", "-id"], name="response_of_reflection")]

    @property
    def said_when(self) -> datetime:
        """When its words were first given."""
        return self.said_at or self.created_at
