import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.accounts.models import hashed
from webapp.experiments.models import Experiment

PREFIX = "rfs_"
SHOWN = 8
LAST_USED_GRAIN = timedelta(minutes=1)  # one write a minute, however busy a client is


class Scope(models.TextChoices):
    """What a token may do, below what its owner may do."""

    READ = "read", "read experiments, episodes and ratings"
    WRITE = "write", "create experiments, push episodes"
    TRAIN = "train", "start training runs"


class TokenQuerySet(models.QuerySet["Token"]):
    """Questions about tokens, and the ways to make and to find one."""

    def usable(self) -> "TokenQuerySet":
        """Not revoked, and of a person who may still sign in."""
        return self.filter(revoked_at=None, user__is_active=True)

    def make(self, user: User, name: str, scopes: list[str]) -> tuple["Token", str]:
        """Make a token; its text is returned once and stored nowhere."""
        text = PREFIX + secrets.token_urlsafe(32)
        made = self.create(
            user=user,
            name=name,
            scopes=scopes,
            start=text[: len(PREFIX) + SHOWN],
            token_hash=hashed(text),
        )
        return made, text

    def of_text(self, text: str) -> "Token | None":
        """The usable token with that text; notes that it was used."""
        found = self.usable().select_related("user").filter(token_hash=hashed(text)).first()
        if found is not None:
            now = timezone.now()
            stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_GRAIN)
            self.filter(stale, pk=found.pk).update(last_used_at=now)
        return found


class Token(models.Model):
    """A key for programs. Only its hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens"
    )
    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=5, choices=Scope.choices))
    start = models.CharField(max_length=20, help_text="Its first characters, to tell it by")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]


class OpenEpisode(models.Model):
    """An episode that a foreign agent is still recording. It becomes an Episode at its end."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="open_episodes"
    )
    task_key = models.CharField(max_length=200)
    trial = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "task_key", "trial"], name="open_episode_once_per_trial"
            )
        ]


class OpenStep(models.Model):
    """A step of an episode that is still being recorded, as it was sent."""

    episode = models.ForeignKey(OpenEpisode, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveIntegerField(help_text="0-based place in the episode")
    body = models.JSONField()

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["episode", "index"], name="open_step_once_per_index")
        ]
