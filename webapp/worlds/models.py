from django.conf import settings
from django.db import models

from webapp.episodes.models import Episode
from webapp.experiments.models import ExperimentTask


class HandTrial(models.Model):
    """One trial that a person plays. Its decisions are kept one by one; the game is rebuilt.

    `episode` is there once it has ended.
    """

    row = models.ForeignKey(ExperimentTask, on_delete=models.CASCADE, related_name="hand_trials")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hand_trials"
    )
    trial = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField(auto_now_add=True)
    episode = models.OneToOneField(
        Episode, null=True, blank=True, on_delete=models.CASCADE, related_name="hand_trial"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["row", "trial"], name="hand_trial_once_per_trial")
        ]


class HandStep(models.Model):
    """What a person decided in one step. Never changed."""

    hand_trial = models.ForeignKey(HandTrial, on_delete=models.CASCADE, related_name="hand_steps")
    index = models.PositiveIntegerField(help_text="0-based place in the trial")
    thought = models.TextField(blank=True)
    action = models.TextField()
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["hand_trial", "index"], name="hand_step_once_per_index")
        ]


class WikipediaAnswer(models.Model):
    """An answer of Wikipedia's API, kept so that a run can be repeated without a network."""

    sha256 = models.CharField(max_length=64, primary_key=True, help_text="Of the address")
    address = models.TextField()
    answer = models.TextField()
    fetched_at = models.DateTimeField(auto_now_add=True)
