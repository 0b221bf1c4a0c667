from django.conf import settings
from django.db import models
from django.db.models import Q


class CurvePoint(models.Model):
    """Rollup of one experiment and trial, kept in step with every recorded episode.

    `solved` counts tasks solved in exactly this trial; the curve adds them up over `tasks_total`.
    """

    experiment = models.ForeignKey(
        "experiments.Experiment", on_delete=models.CASCADE, related_name="curve_points"
    )
    trial = models.PositiveSmallIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    solved = models.PositiveIntegerField(default=0)
    return_sum = models.FloatField(default=0.0)
    step_sum = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["trial"]
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "trial"], name="curve_point_once_per_trial"
            )
        ]


class RatingRollup(models.Model):
    """The ratings of one experiment's reflections, counted by triggers of the database.

    `rated` have an effective rating, `positive` one above 0; `corrected` were changed by people.
    """

    experiment = models.OneToOneField(
        "experiments.Experiment",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="rating_rollup",
    )
    rated = models.IntegerField(default=0)
    rating_sum = models.FloatField(default=0.0)
    positive = models.IntegerField(default=0)
    corrected = models.IntegerField(default=0)


class Pin(models.Model):
    """An experiment that a person keeps at the top of the list; one may be the baseline."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    experiment = models.ForeignKey("experiments.Experiment", on_delete=models.CASCADE)
    is_baseline = models.BooleanField(default=False)

    class Meta:
        ordering = ["-is_baseline", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "experiment"], name="pin_once"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_baseline=True), name="one_baseline_a_user"
            ),
        ]


class SavedView(models.Model):
    """A named state of the list: what stands in its address."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_named_once")
        ]

    def __str__(self) -> str:
        return self.name
