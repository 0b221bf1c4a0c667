"""Telling people things, and what they have read."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.utils import timezone

from webapp.notifications.models import Notification


def notify(people: Iterable[User], words: str, address: str, *, actor: User | None = None) -> int:
    """Tell each person once; nobody is told what they did themselves. Count those told."""
    told = {person.pk: person for person in people if actor is None or person.pk != actor.pk}
    rows = [
        Notification(person=person, actor=actor, words=words[:300], address=address[:300])
        for person in told.values()
    ]
    Notification.objects.bulk_create(rows)
    return len(rows)


def unread_count(person_id: int) -> int:
    """How many a person has not looked at."""
    return Notification.objects.unread().filter(person=person_id).count()


def mark_read(person_id: int, notification_id: int | None = None) -> int:
    """Mark one of the person's own, or all of them, as read; count the changes."""
    rows = Notification.objects.unread().filter(person=person_id)
    if notification_id is not None:
        rows = rows.filter(pk=notification_id)
    return rows.update(read_at=timezone.now())
