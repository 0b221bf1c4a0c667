from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from webapp.episodes.models import Reflection

# A person's, who reads before answering: nothing renews it each second as a worker does its own
# (`webapp.leases`), and several people may have places at one item.
LEASE = timedelta(minutes=5)


class QueueQuerySet(models.QuerySet["Queue"]):
    """Questions about queues."""

    def workable_by(self, user: "User | AnonymousUser") -> "QueueQuerySet":
        """Open queues whose pool holds the person; no named people means everyone."""
        named = Q(people=None) | Q(people=user.pk)
        return self.filter(named, closed_at=None).distinct()


class Queue(models.Model):
    """Reflections that people are asked to rate, and how often each.

    `overlap` is the number of different people who answer one item.
    """

    name = models.CharField(max_length=160, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="queues"
    )
    notes = models.TextField(blank=True)
    selection = models.JSONField(default=dict, help_text="Filter and sampling it was made with")
    seed = models.BigIntegerField(default=0, help_text="Of the sampling and of each person's order")
    overlap = models.PositiveSmallIntegerField(default=1)
    priority = models.SmallIntegerField(default=0, help_text="Higher comes first in the list")
    blind = models.BooleanField(
        default=True, help_text="Others' answers show only after one's own is submitted"
    )
    shows_automatic = models.BooleanField(
        default=True, help_text="The automatic rating is offered before the first answer"
    )
    shows_gold = models.BooleanField(
        default=True, help_text="After an answer to a gold item the decision is shown"
    )
    scored_by = models.ForeignKey(
        "adapters.Adapter",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The reward model whose score is offered as a suggestion",
    )
    deadline = models.DateField(null=True, blank=True)
    people: "models.ManyToManyField[User, models.Model]" = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="named_queues"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = QueueQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(overlap__gte=1, overlap__lte=20), name="queue_overlap_1_to_20"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether it still takes answers."""
        return self.closed_at is None


class Guidelines(models.Model):
    """What annotators are told, as Markdown. A change is a new version."""

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="guidelines")
    version = models.PositiveIntegerField()
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["queue", "version"], name="guidelines_once_per_version")
        ]


class QueueItemQuerySet(models.QuerySet["QueueItem"]):
    """Questions about the items of queues."""

    def with_done(self) -> "QueueItemQuerySet":
        """Count the submitted answers of each item as `done`."""
        done = Q(assignments__state=Assignment.State.DONE)
        return self.annotate(done=Count("assignments", filter=done))

    def free_for(self, person_id: int) -> "QueueItemQuerySet":
        """Items with room for one more answer that the person has not taken before."""
        mine = Assignment.objects.filter(person=person_id).values("item")
        held = (
            Assignment.objects.filter(item=OuterRef("pk"))
            .held()
            .order_by()
            .values("item")
            .annotate(number=Count("pk"))
            .values("number")
        )
        taken = self.annotate(held=Coalesce(Subquery(held), 0)).filter(
            held__lt=F("queue__overlap"), queue__closed_at=None
        )
        return taken.exclude(pk__in=mine)


class QueueItem(models.Model):
    """One reflection in a queue."""

    class Source(models.TextChoices):
        FILTER = "filter", "matches the filter"
        ZERO = "zero", "rated zero"
        DISPUTED = "disputed", "people disagree"
        CONTROL = "control", "random control"
        MODEL = "model", "reward model disagrees"
        UNCERTAIN = "uncertain", "reward model is uncertain"
        REPLAYED = "replayed", "counterfactual disagrees"
        GOLD = "gold", "gold"
        AGAIN = "again", "asked again"

    queue = models.ForeignKey(Queue, on_delete=models.CASCADE, related_name="items")
    reflection = models.ForeignKey(Reflection, on_delete=models.PROTECT, related_name="queue_items")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.FILTER)
    copy = models.PositiveSmallIntegerField(
        default=0, help_text="1 for an item asked again, to see whether people repeat themselves"
    )
    priority = models.SmallIntegerField(default=0, help_text="Higher is handed out first")

    objects = QueueItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "reflection", "copy"], name="reflection_once_per_queue"
            )
        ]


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Questions about who holds what."""

    def held(self) -> "AssignmentQuerySet":
        """Answered, or still leased: these fill the overlap."""
        leased = Q(state=Assignment.State.OPEN, lease_expires_at__gt=timezone.now())
        return self.filter(Q(state=Assignment.State.DONE) | leased)

    def renew(self, item_id: int, person_id: int) -> bool:
        """Extend a lease that the person still has; False if another took the place."""
        mine = self.filter(item=item_id, person=person_id, state=Assignment.State.OPEN)
        return bool(mine.update(lease_expires_at=timezone.now() + LEASE))


class Assignment(models.Model):
    """A person's place among the answers of one item: leased first, then done.

    The place is numbered, so that the database itself refuses one more than there are.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        SKIPPED = "skipped"

    item = models.ForeignKey(QueueItem, on_delete=models.CASCADE, related_name="assignments")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments"
    )
    place = models.PositiveSmallIntegerField(help_text="1-based, up to the queue's overlap")
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    lease_expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(auto_now_add=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "place"], name="one_person_per_place"),
            models.UniqueConstraint(fields=["item", "person"], name="one_place_per_person"),
            models.CheckConstraint(
                condition=Q(place__gte=1, place__lte=20), name="assignment_place_1_to_20"
            ),
        ]
        indexes = [models.Index(fields=["person", "state", "-id"], name="assignment_of_person")]

    @property
    def is_held(self) -> bool:
        """As `AssignmentQuerySet.held` says of many."""
        leased = self.state == self.State.OPEN and self.lease_expires_at > timezone.now()
        return leased or self.state == self.State.DONE
