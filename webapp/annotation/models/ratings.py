from django.conf import settings
from django.db import models
from django.db.models import Q

from webapp.annotation.models.queues import QueueItem
from webapp.annotation.models.responses import Response
from webapp.episodes.models import Reflection


class RatingRule(models.Model):
    """A version of the rule: adjudicated, else the agreed value of people, else automatic.

    People agree when at least `least_responses` gave a value and all lie within `tolerance`; their
    value is the mean, weighed by confidence where the rule says so.
    """

    version = models.PositiveIntegerField(unique=True)
    least_responses = models.PositiveSmallIntegerField(default=1)
    tolerance = models.FloatField(default=0.0, help_text="In episode return")
    weighs_confidence = models.BooleanField(
        default=False, help_text="Low 1, medium or unsaid 2, high 3; else all count the same"
    )
    why = models.TextField(blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.CheckConstraint(
                condition=Q(least_responses__gte=1, tolerance__gte=0), name="rating_rule_sensible"
            )
        ]


class AdjudicationQuerySet(models.QuerySet["Adjudication"]):
    """Questions about decisions."""

    def current(self) -> "AdjudicationQuerySet":
        """In force: neither replaced nor withdrawn."""
        return self.filter(replaced_by=None, withdrawn=False)


class Adjudication(models.Model):
    """A decision over a reflection's value. Added and never changed."""

    reflection = models.ForeignKey(
        Reflection, on_delete=models.PROTECT, related_name="adjudications"
    )
    item = models.ForeignKey(
        QueueItem, null=True, on_delete=models.PROTECT, related_name="adjudications"
    )
    value = models.FloatField(null=True, help_text="In episode return; null withdraws")
    withdrawn = models.BooleanField(default=False)
    gold = models.BooleanField(default=False, help_text="Annotators are compared with it")
    why = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    decided_at = models.DateTimeField(auto_now_add=True)
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )

    objects = AdjudicationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reflection"],
                condition=Q(replaces=None),
                name="adjudication_begins_once",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn=True, value__isnull=True, gold=False)
                | Q(withdrawn=False, value__isnull=False),
                name="adjudication_has_a_value",
            ),
        ]


class RatingEvent(models.Model):
    """A change of an effective rating: who, when, before, after, why. Never changed."""

    class Cause(models.TextChoices):
        RESPONSE = "response", "an answer"
        WITHDRAWAL = "withdrawal", "an answer withdrawn"
        ADJUDICATION = "adjudication", "a decision"
        REVERT = "revert", "reverted"
        RULE = "rule", "another rule"
        IMPORT = "import", "imported answers"

    reflection = models.ForeignKey(
        Reflection, on_delete=models.PROTECT, related_name="rating_events"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    cause = models.CharField(max_length=12, choices=Cause.choices)
    before = models.FloatField(null=True)
    after = models.FloatField(null=True)
    why = models.TextField(blank=True)
    rule = models.ForeignKey(RatingRule, on_delete=models.PROTECT)
    response = models.ForeignKey(Response, null=True, on_delete=models.PROTECT)
    adjudication = models.ForeignKey(Adjudication, null=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["reflection", "-id"], name="rating_event_of_reflection")]
        permissions = [("audit_ratings", "Can read and revert every change of a rating")]
