from django.contrib.postgres.fields import ArrayField
from django.db import models

from webapp.training.models.runs import TrainingRun


class MetricPoint(models.Model):
    """One figure at one step. A resumed run tells some steps again: the row takes the new value."""

    # Its indexes begin with the run: one of its own would only cost.
    run = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, related_name="points", db_index=False
    )
    split = models.CharField(max_length=12)
    name = models.CharField(max_length=60)
    step = models.PositiveIntegerField()
    value = models.FloatField()
    seconds = models.FloatField(default=0.0, help_text="Since the trainer process began")

    class Meta:
        indexes = [models.Index(fields=["run", "id"], name="metric_point_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "split", "name", "step"], name="metric_point_once"
            )
        ]


class DrawnCurve(models.Model):
    """What a chart shows of one curve: at most `most` of its points, kept as they are recorded.

    The first point of each stretch of `width` steps is kept, and the newest of all. Points whose
    row id is above `newest` came since.
    """

    FINE, COARSE = 600, 120  # a chart of its own; one of many in a chart

    run = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, related_name="drawn_curves", db_index=False
    )
    split = models.CharField(max_length=12)
    name = models.CharField(max_length=60)
    most = models.PositiveSmallIntegerField(choices=[(FINE, "fine"), (COARSE, "coarse")])
    width = models.PositiveIntegerField(default=1)
    steps = ArrayField(models.PositiveIntegerField(), default=list)
    values = ArrayField(models.FloatField(), default=list)
    newest = models.BigIntegerField(default=0, help_text="Row id of the newest point in it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "most", "split", "name"], name="drawn_curve_once"
            )
        ]

    def add(self, step: int, value: float) -> None:
        """Take the next point; one that tells a step again takes the place of what it told."""
        while self.steps and self.steps[-1] >= step:
            self._drop_last()
        if len(self.steps) > 1 and self._stretch(-1) == self._stretch(-2):
            self._drop_last()
        self.steps.append(step)
        self.values.append(value)
        while len(self.steps) > self.most:
            self._widen()

    def _stretch(self, place: int) -> int:
        return int(self.steps[place]) // self.width

    def _drop_last(self) -> None:
        self.steps.pop()
        self.values.pop()

    def _widen(self) -> None:
        """Twice the width, about half of the points."""
        self.width *= 2
        last = len(self.steps) - 1
        kept = [
            place
            for place in range(len(self.steps))
            if place in {0, last} or self._stretch(place) != self._stretch(place - 1)
        ]
        self.steps = [self.steps[place] for place in kept]
        self.values = [self.values[place] for place in kept]
