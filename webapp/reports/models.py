from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Report(models.Model):
    """A page of Markdown with blocks drawn from experiments. Its texts are versions."""

    title = models.CharField(max_length=160)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="reports"
    )
    version = models.PositiveIntegerField(default=0, help_text="The newest one")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.title


class ReportVersion(models.Model):
    """What one save wrote. Added and never changed."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=160)
    text = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    restores = models.PositiveIntegerField(null=True, help_text="The version it brought back")
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_version_once")
        ]


class FrozenBlock(models.Model):
    """What a frozen block showed when its words were first saved. Never changed."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="frozen_blocks")
    key = models.CharField(max_length=64, help_text="sha256 of the block's words")
    content = models.JSONField()
    drawn_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "key"], name="frozen_block_once")]


class ReviewQuerySet(models.QuerySet["Review"]):
    """Questions about reviews."""

    def waiting_for(self, person_id: int | None) -> "ReviewQuerySet":
        """Those that the person has not answered."""
        return self.filter(reviewer=person_id, state=Review.State.WAITING)


class Review(models.Model):
    """One person asked another to look at an experiment or a report."""

    class State(models.TextChoices):
        WAITING = "waiting"
        APPROVED = "approved"
        CHANGES = "changes", "changes requested"

    experiment = models.ForeignKey(
        "experiments.Experiment", null=True, on_delete=models.CASCADE, related_name="reviews"
    )
    report = models.ForeignKey(Report, null=True, on_delete=models.CASCADE, related_name="reviews")
    version = models.PositiveIntegerField(null=True, help_text="Of the report, when asked")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="reviews_asked"
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews"
    )
    note = models.TextField(blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    comment = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(experiment__isnull=False, report=None)
                | Q(experiment=None, report__isnull=False),
                name="review_of_one_thing",
            ),
            models.UniqueConstraint(
                fields=["experiment", "reviewer"],
                condition=Q(state="waiting", experiment__isnull=False),
                name="review_of_experiment_waits_once",
            ),
            models.UniqueConstraint(
                fields=["report", "reviewer"],
                condition=Q(state="waiting", report__isnull=False),
                name="review_of_report_waits_once",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "state", "-id"], name="review_of_reviewer")]
