from django.conf import settings
from django.db import models
from django.db.models import Q


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Questions about what people are told."""

    def unread(self) -> "NotificationQuerySet":
        """Not looked at yet."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """One line that tells a person what somebody did, and where."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    words = models.CharField(max_length=300)
    address = models.CharField(max_length=300, help_text="A path of this site")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["person", "-id"], name="notification_of_person"),
            models.Index(fields=["person"], condition=Q(read_at=None), name="notification_unread"),
        ]

    def __str__(self) -> str:
        return self.words
