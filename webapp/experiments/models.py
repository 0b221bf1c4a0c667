from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.tasks.models import Task, TaskSet

LEASE = timedelta(seconds=60)


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    """Questions about experiments."""

    def unarchived(self) -> "ExperimentQuerySet":
        """Those that lists show."""
        return self.filter(archived_at=None)

    def move(
        self, pk: int, *, to: "Experiment.Status", from_any: list["Experiment.Status"]
    ) -> bool:
        """Change the state by one conditional UPDATE; False if it was not in `from_any`."""
        return bool(self.filter(pk=pk, status__in=from_any).update(status=to, status_message=""))


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
    config = models.JSONField(default=dict, help_text="retro_core.config.ExperimentConfig as JSON")
    code_version = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.PLAYED)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    status_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

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
    def is_live(self) -> bool:
        """Whether its numbers may still change by themselves."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}


class ExperimentTaskQuerySet(models.QuerySet["ExperimentTask"]):
    """Questions about the tasks of an experiment, and the one way to claim one."""

    def claimable(self) -> "ExperimentTaskQuerySet":
        """Open tasks that nobody holds, or whose holder's lease ran out."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=timezone.now())
        return self.filter(free, state=ExperimentTask.State.OPEN)

    def lost(self) -> "ExperimentTaskQuerySet":
        """Tasks whose holder stopped renewing: a dead worker's."""
        return self.filter(state=ExperimentTask.State.OPEN, lease_expires_at__lt=timezone.now())


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


class CurvePoint(models.Model):
    """Rollup of one experiment and trial, kept in step with every recorded episode.

    `solved` counts tasks solved in exactly this trial; the curve adds them up over `tasks_total`.
    """

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="curve_points"
    )
    trial = models.PositiveSmallIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    solved = models.PositiveIntegerField(default=0)
    return_sum = models.FloatField(default=0.0)
    step_sum = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["trial"]
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "trial"], name="curve_point_once_per_trial"
            )
        ]
