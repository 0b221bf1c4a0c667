from django.db import models
from django.db.models import Q

from webapp.annotation.models.work import Work, WorkQuerySet
from webapp.episodes.models import Reflection


class Counterfactual(Work):
    """A second automatic rating: the next trial replayed with and without the reflection.

    `mean` is the mean difference of the returns of `pairs` pairs of replays, and `low` to `high`
    its 95 % interval. They stay while more pairs are played.
    """

    reflection = models.OneToOneField(
        Reflection, on_delete=models.CASCADE, related_name="counterfactual"
    )
    pairs = models.PositiveSmallIntegerField()
    temperature = models.FloatField(help_text="Of the actor's actions in the replays")
    mean = models.FloatField(null=True, help_text="In episode return")
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)

    objects = WorkQuerySet["Counterfactual"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(pairs__gte=2, pairs__lte=20), name="counterfactual_2_to_20_pairs"
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(mean__isnull=False),
                name="a_done_counterfactual_has_its_mean",
            ),
        ]
        indexes = [models.Index(fields=["status", "-id"], name="counterfactual_status")]


class Replay(models.Model):
    """One replayed trial. It is no episode of the experiment and counts in none of its figures."""

    counterfactual = models.ForeignKey(
        Counterfactual, on_delete=models.CASCADE, related_name="replays"
    )
    pair = models.PositiveSmallIntegerField(help_text="From 0; both of a pair have one seed")
    shown = models.BooleanField(help_text="Whether the actor saw the reflection")
    seed = models.BigIntegerField()
    success = models.BooleanField()
    episode_return = models.FloatField()
    step_count = models.PositiveIntegerField()
    actions = models.JSONField(default=list)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pair", "-shown"]
        constraints = [
            models.UniqueConstraint(
                fields=["counterfactual", "pair", "shown"], name="replay_once_per_pair"
            )
        ]
