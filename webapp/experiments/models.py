from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from webapp.experiments.list_models import CurvePoint, Pin, RatingRollup, SavedView
from webapp.leases import LEASE
from webapp.tasks.models import Task, TaskSet

__all__ = [
    "CurvePoint",
    "Experiment",
    "ExperimentQuerySet",
    "ExperimentTask",
    "ExperimentTaskQuerySet",
    "Pin",
    "RatingRollup",
    "SavedView",
]


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    """Questions about experiments."""

    def unarchived(self) -> "ExperimentQuerySet":
        """Those that lists show."""
        return self.filter(archived_at=None, deleted_at=None)

    def move(
        self, pk: int, *, to: "Experiment.Status", from_any: list["Experiment.Status"]
    ) -> bool:
        """Change the state by one conditional UPDATE; False if it was not in `from_any`."""
        return bool(self.filter(pk=pk, status__in=from_any).update(status=to, status_message=""))

    def begin(self, pk: int) -> bool:
        """A worker starts or joins; False if it must not be played now."""
        playable = self.filter(
            pk=pk, status__in=[Experiment.Status.QUEUED, Experiment.Status.RUNNING]
        )
        return bool(
            playable.update(
                status=Experiment.Status.RUNNING,
                started_at=Coalesce("started_at", timezone.now()),
            )
        )

    def pause_with(self, pk: int, message: str) -> bool:
        """Stop for a person to act; the message says what to do."""
        running = self.filter(pk=pk, status=Experiment.Status.RUNNING)
        return bool(running.update(status=Experiment.Status.PAUSED, status_message=message))

    def fail_with(self, pk: int, message: str) -> bool:
        """It cannot be played as it is; the message says why."""
        running = self.filter(pk=pk, status=Experiment.Status.RUNNING)
        return bool(running.update(status=Experiment.Status.FAILED, status_message=message))

    def finish_played(self, pk: int) -> bool:
        """End it if no task is open any more."""
        open_tasks = ExperimentTask.objects.filter(
            experiment=OuterRef("pk"), state=ExperimentTask.State.OPEN
        )
        done = self.filter(~Exists(open_tasks), pk=pk, status=Experiment.Status.RUNNING)
        return bool(
            done.update(
                status=Experiment.Status.FINISHED, status_message="", finished_at=timezone.now()
            )
        )


class Experiment(models.Model):
    """A task set played with one method, actor and reflector for a number of trials.

    The counters are maintained in the transaction that records an episode, so that lists need
    no aggregation.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        QUEUED = "queued"
        RUNNING = "running"
        PAUSED = "paused"
        FINISHED = "finished"
        CANCELLED = "cancelled"
        FAILED = "failed"

    class Method(models.TextChoices):
        REACT = "react"
        LAST_TRIAL = "last_trial"
        REFLEXION = "reflexion"
        RETROFORMER = "retroformer"
        RESAMPLE = "resample"
        FIXED_PROMPT = "fixed_prompt"

    class Source(models.TextChoices):
        PLAYED = "played", "played here"
        IMPORTED = "imported"
        HUMAN = "human", "played by a person"

    name = models.CharField(max_length=160, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="experiments",
    )
    notes = models.TextField(blank=True)
    task_set = models.ForeignKey(TaskSet, on_delete=models.PROTECT, related_name="experiments")
    environment = models.CharField(max_length=60)
    method = models.CharField(max_length=20, choices=Method.choices)
    actor_model = models.CharField(max_length=120, blank=True)
    reflector_model = models.CharField(max_length=120, blank=True)
    adapter = models.CharField(
        max_length=120, blank=True, help_text="Reflector adapter; empty is the base model"
    )
    trials = models.PositiveSmallIntegerField(default=5)
    seed = models.BigIntegerField(default=0)
    concurrency = models.PositiveSmallIntegerField(
        default=4, help_text="Tasks that one worker plays at a time; changes no result"
    )
    config = models.JSONField(default=dict, help_text="retro_core.config.ExperimentConfig as JSON")
    code_version = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.PLAYED)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    status_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="Off all lists; purged later, or restored before"
    )
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    tasks_total = models.PositiveIntegerField(default=0)
    tasks_ended = models.PositiveIntegerField(default=0, help_text="Solved, or all trials used")
    tasks_solved = models.PositiveIntegerField(default=0)
    tasks_failed = models.PositiveIntegerField(
        default=0, help_text="Could not be played: see the error"
    )
    episodes_count = models.PositiveIntegerField(default=0)
    steps_count = models.PositiveBigIntegerField(default=0)
    reflections_count = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="experiment_newest"),
            models.Index(fields=["status", "-created_at"], name="experiment_status"),
            models.Index(
                fields=["environment", "method", "-created_at"], name="experiment_env_method"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(trials__gte=1), name="experiment_has_trials"),
        ]
        permissions = [("run_experiment", "Can start, pause, resume and cancel experiments")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_open_tasks(self) -> bool:
        """Whether anything is left to play, by the maintained counters."""
        return self.tasks_ended + self.tasks_failed < self.tasks_total

    @property
    def is_live(self) -> bool:
        """Whether its numbers may still change by themselves."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def takes_pushes(self) -> bool:
        """Whether a foreign agent may still push episodes to it."""
        return self.source == self.Source.IMPORTED and self.status == self.Status.RUNNING


class ExperimentTaskQuerySet(models.QuerySet["ExperimentTask"]):
    """Questions about the tasks of an experiment, and the one way to claim one.

    They are no `Leased` rows: many workers ask for any free one at once, each skipping what another
    is just taking, and a task stays open while it is held, until its last episode ends it.
    """

    def claimable(self) -> "ExperimentTaskQuerySet":
        """Open tasks that nobody holds, or whose holder's lease ran out."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
        return self.filter(free, state=ExperimentTask.State.OPEN)

    def lost(self) -> "ExperimentTaskQuerySet":
        """Tasks whose holder stopped renewing: a dead worker's."""
        return self.filter(state=ExperimentTask.State.OPEN, lease_expires_at__lt=Now())

    def claim(
        self, experiment_id: int, holder: str, *, besides: Iterable[int] = ()
    ) -> "ExperimentTask | None":
        """Take the first free task; a row that another worker is just taking is skipped.

        `besides` are tasks that the holder still plays, though their leases may have run out.
        """
        free = self.filter(experiment=experiment_id).claimable().order_by("position")
        free = free.exclude(pk__in=list(besides))
        with transaction.atomic():
            row = free.select_for_update(skip_locked=True).first()
            if row is None:
                return None
            self.filter(pk=row.pk).update(
                lease_holder=holder,
                lease_expires_at=Now() + LEASE,
                unfinished_claims=F("unfinished_claims") + 1,
            )
        return self.select_related("task").get(pk=row.pk)

    def renew(self, pk: int, holder: str, **columns: Any) -> bool:
        """Extend the lease; False if another worker has it by now. A task that just ended counts.

        `columns` tell what is under way.
        """
        held = self.filter(pk=pk, lease_holder=holder)
        return bool(held.update(lease_expires_at=Now() + LEASE, **columns))

    def release(self, pk: int, holder: str) -> None:
        """Give a task back in good order, for anyone to claim."""
        self.filter(pk=pk, lease_holder=holder).update(
            lease_holder="",
            lease_expires_at=None,
            unfinished_claims=0,
            live_trial=0,
            live_step=0,
            live_action="",
        )


class ExperimentTask(models.Model):
    """One task inside one experiment: the unit that a worker claims by a lease."""

    class State(models.TextChoices):
        OPEN = "open"
        SOLVED = "solved"
        UNSOLVED = "unsolved", "all trials used"
        FAILED = "failed", "could not be played"

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="experiment_tasks"
    )
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="experiment_tasks")
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    error = models.TextField(blank=True)
    trials_done = models.PositiveSmallIntegerField(default=0)
    solved_at_trial = models.PositiveSmallIntegerField(null=True, blank=True)
    lease_holder = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    unfinished_claims = models.PositiveSmallIntegerField(
        default=0, help_text="Claims since the last recorded episode that ended without a word"
    )
    live_trial = models.PositiveSmallIntegerField(
        default=0, help_text="Trial being played; 0 is none"
    )
    live_step = models.PositiveSmallIntegerField(default=0)
    live_action = models.CharField(max_length=200, blank=True)

    objects = ExperimentTaskQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "task"], name="task_once_per_experiment"),
            models.UniqueConstraint(
                fields=["experiment", "position"], name="position_once_per_experiment"
            ),
        ]
        indexes = [
            models.Index(
                fields=["experiment", "state", "lease_expires_at"], name="experimenttask_claim"
            )
        ]
