import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LASTS = timedelta(hours=24)


class OneTimeLinkQuerySet(models.QuerySet["OneTimeLink"]):
    """Questions about sign-in links, and the ways to make and to use one."""

    def usable(self) -> "OneTimeLinkQuerySet":
        """Neither used nor expired."""
        return self.filter(used_at=None, expires_at__gt=timezone.now())

    def make(self, user: "User") -> str:
        """Make a link for a user and return its token, which is stored nowhere."""
        token = secrets.token_urlsafe(24)
        self.create(user=user, token_hash=hashed(token), expires_at=timezone.now() + LASTS)
        return token

    def redeem(self, token: str) -> "User | None":
        """Use a link up, by one conditional UPDATE, and return its user; None if it is no good."""
        link = self.filter(token_hash=hashed(token), user__is_active=True)
        if not link.usable().update(used_at=timezone.now()):
            return None
        return link.select_related("user").get().user


class OneTimeLink(models.Model):
    """A link that signs one user in once. Only the token's hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="one_time_links"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = OneTimeLinkQuerySet.as_manager()


def hashed(token: str) -> str:
    """What is stored of a token. It is long and random, so that one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
