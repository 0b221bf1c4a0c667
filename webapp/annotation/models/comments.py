from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from webapp.episodes.models import Reflection, Step
from webapp.experiments.models import Experiment


class Comment(models.Model):
    """A word in the discussion of a reflection, a step or an experiment."""

    reflection = models.ForeignKey(
        Reflection, null=True, on_delete=models.CASCADE, related_name="comments"
    )
    step = models.ForeignKey(Step, null=True, on_delete=models.CASCADE, related_name="comments")
    experiment = models.ForeignKey(
        Experiment, null=True, on_delete=models.CASCADE, related_name="comments"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    text = models.TextField()
    mentions = ArrayField(
        models.CharField(max_length=150), default=list, help_text="Names of those it calls"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reflection__isnull=False, step=None, experiment=None)
                | Q(reflection=None, step__isnull=False, experiment=None)
                | Q(reflection=None, step=None, experiment__isnull=False),
                name="comment_is_about_one_thing",
            )
        ]
