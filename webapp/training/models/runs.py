from collections.abc import Sequence
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from webapp.adapters.models import Adapter
from webapp.leases import Leased, LeasedQuerySet
from webapp.training.models.snapshots import Snapshot


class TrainingRunQuerySet(LeasedQuerySet["TrainingRun"]):
    """Questions about training runs, and the one way to claim one."""

    def live(self) -> "TrainingRunQuerySet":
        """Those that a worker holds, or held when it died."""
        return self.filter(status__in=TrainingRun.LIVE)

    def undeleted(self) -> "TrainingRunQuerySet":
        """Those that lists show."""
        return self.filter(deleted_at=None)

    def lost(self) -> "TrainingRunQuerySet":
        """Live ones whose worker stopped renewing."""
        return self.live().filter(lease_expires_at__lt=Now())

    def move(self, pk: int, *, to: str, from_any: Sequence[str], **columns: Any) -> bool:
        """Change the state by one conditional UPDATE; False if it was not in `from_any`."""
        rows = self.filter(pk=pk, status__in=from_any)
        return bool(rows.update(status=to, **columns))

    def claim(self, pk: int, holder: str) -> "TrainingRun | None":
        """Take a free run; None if it is not to be trained now."""
        taken = self._take(
            pk,
            holder,
            started_at=Coalesce("started_at", timezone.now()),
            finished_at=None,
            reason="",
            failure_code="",
        )
        return self.get(pk=pk) if taken else None

    def held_by(self, pk: int, holder: str) -> Self:
        """The run, if this holder still has it.

        Also while it is stopping. But nobody takes up a lost one that was: `mark_lost` ends it.
        """
        return self.filter(status__in=TrainingRun.LIVE, pk=pk, lease_holder=holder)

    def mark_lost(self) -> int:
        """Say of runs with a dead worker that they are lost; one that was stopping has stopped."""
        status = TrainingRun.Status
        ended = Case(
            When(status=status.STOPPING, then=Value(status.STOPPED)), default=Value(status.LOST)
        )
        return self.lost().update(status=ended)


class Pipeline(models.Model):
    """Supervised tuning, then a reward model, then PPO: one chain of training runs."""

    name = models.CharField(max_length=120, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="pipelines")
    preset = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name


class TrainingRun(Leased):
    """One stage trained on one snapshot. A worker holds it by a lease and renews it every second.

    `spec` holds every setting but the paths of this machine, which the worker fills in.
    """

    class Stage(models.TextChoices):
        SFT = "sft", "supervised tuning"
        REWARD_MODEL = "reward_model", "reward model"
        PPO = "ppo", "PPO"
        GRPO = "grpo", "GRPO"

    class Status(models.TextChoices):
        WAITING = "waiting", "waits for the stage before"
        QUEUED = "queued"
        STARTING = "starting"
        RUNNING = "running"
        STOPPING = "stopping"
        LOST = "lost"
        STOPPED = "stopped"
        FAILED = "failed"
        DONE = "done"

    FREE = (Status.QUEUED, Status.LOST)
    TAKEN = (Status.STARTING, Status.RUNNING)
    LIVE = (*TAKEN, Status.STOPPING)

    name = models.CharField(max_length=120, unique=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="training_runs",
    )
    notes = models.TextField(blank=True)
    stage = models.CharField(max_length=12, choices=Stage.choices)
    preset = models.CharField(max_length=40)
    spec = models.JSONField(help_text="retro_core.training.spec.TrainingSpec as JSON")
    seed = models.BigIntegerField(default=0)
    code_version = models.CharField(max_length=60, blank=True)
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    parent = models.ForeignKey(
        Adapter, null=True, blank=True, on_delete=models.PROTECT, related_name="runs_from"
    )
    reward_model = models.ForeignKey(
        Adapter, null=True, blank=True, on_delete=models.PROTECT, related_name="runs_rewarded"
    )
    adapter = models.OneToOneField(
        Adapter, null=True, blank=True, on_delete=models.PROTECT, related_name="made_by"
    )
    adapter_family = models.SlugField(max_length=60)
    pipeline = models.ForeignKey(
        Pipeline, null=True, blank=True, on_delete=models.CASCADE, related_name="runs"
    )
    place = models.PositiveSmallIntegerField(default=0, help_text="In its pipeline, from 1")

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it failed, in words to act on")
    failure_code = models.CharField(max_length=30, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="Of the trainer")
    step = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0, help_text="Expected; 0 is not known")
    log_tail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Off the lists; can return")

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["status", "lease_expires_at"], name="trainingrun_claim")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="done") | Q(adapter__isnull=False),
                name="a_done_run_has_its_adapter",
            ),
            models.UniqueConstraint(
                fields=["pipeline", "place"],
                condition=Q(pipeline__isnull=False),
                name="place_once_in_pipeline",
            ),
        ]
        permissions = [("train", "Can launch, stop and resume training runs")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_held(self) -> bool:
        """Whether its lease was renewed of late."""
        return self.lease_expires_at is not None and self.lease_expires_at > timezone.now()

    @property
    def shown_status(self) -> str:
        """The status as a person should see it: lost as soon as the lease has run out."""
        if self.status in self.LIVE and not self.is_held:
            return str(self.Status.LOST)
        return self.status

    @property
    def is_moving(self) -> bool:
        """Whether its page may still change by itself."""
        at_rest = {self.Status.STOPPED, self.Status.FAILED, self.Status.DONE}
        return self.status not in at_rest

    @property
    def is_at_work(self) -> bool:
        """Whether it changes a list by itself: what waits for a stage before does so after that."""
        return self.is_moving and self.status != self.Status.WAITING


class Sample(models.Model):
    """A text that the policy wrote at an evaluation. Kept for every evaluation step.

    `line` is its place in the trainer's file, which is only ever added to.
    """

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="samples")
    line = models.PositiveIntegerField()
    step = models.PositiveIntegerField()
    task_key = models.CharField(max_length=200, blank=True)
    prompt = models.TextField(blank=True)
    text = models.TextField(blank=True)
    reward = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["run", "line"], name="sample_line_once")]
