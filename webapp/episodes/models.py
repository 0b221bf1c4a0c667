from django.conf import settings
from django.db import models
from django.db.models import Q

from webapp.experiments.models import Experiment
from webapp.tasks.models import Task


class Episode(models.Model):
    """The record of one trial. Written once, with its steps, in one transaction.

    The row is narrow: lists read it alone. The prompt head and the step texts live in tables of
    their own and are read when an episode is opened.
    """

    class Truncation(models.TextChoices):
        NONE = "", "not truncated"
        STEP_CAP = "step_cap", "step cap"
        REPEATED_ACTION = "repeated_action", "repeated action"
        CONTEXT_FULL = "context_full", "context full"
        GIVEN_UP = "given_up", "given up"
        UNKNOWN = "unknown", "truncated (reason not recorded)"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="episodes")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="episodes")
    trial = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField(default=0)
    success = models.BooleanField()
    episode_return = models.FloatField()
    terminated = models.BooleanField(default=False)
    truncated = models.BooleanField(default=False)
    truncation_reason = models.CharField(
        max_length=20, choices=Truncation.choices, blank=True, default=Truncation.NONE
    )
    final_answer = models.TextField(blank=True)
    step_count = models.PositiveIntegerField(default=0)
    invalid_count = models.PositiveIntegerField(default=0)
    repeated_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Steps whose action is the same as the one before"
    )
    looped_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Steps that go again through a cycle of steps"
    )
    dropped_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Steps whose prompt left old observations out"
    )
    reflection_repeats = models.BooleanField(
        default=False, db_default=False, help_text="Its reflection repeats the one before"
    )
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text="Time in language model calls")
    finished_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "task", "trial"],
                name="episode_once_per_trial",
                include=["success", "episode_return"],
            ),
            models.CheckConstraint(condition=Q(trial__gte=1), name="episode_trial_from_one"),
        ]
        indexes = [
            models.Index(fields=["experiment", "-id"], name="episode_newest"),
            models.Index(fields=["task", "experiment", "trial"], name="episode_by_task"),
            models.Index(fields=["episode_return", "id"], name="episode_by_return"),
            models.Index(fields=["step_count", "id"], name="episode_by_steps"),
            models.Index(fields=["id"], name="episode_looped", condition=Q(looped_count__gt=0)),
            models.Index(fields=["id"], name="episode_dropped", condition=Q(dropped_count__gt=0)),
            models.Index(
                fields=["id"], name="episode_repeating", condition=Q(reflection_repeats=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} trial {self.trial}"


class EpisodeHead(models.Model):
    """The prompt messages before the first action, as a list of {role, content}."""

    episode = models.OneToOneField(
        Episode, on_delete=models.CASCADE, related_name="head", primary_key=True
    )
    messages = models.JSONField(default=list)


class Step(models.Model):
    """Thought, action, observation and reward of one turn. Never changed."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveIntegerField(help_text="0-based place in the episode")
    thought = models.TextField(blank=True)
    action = models.TextField()
    observation = models.TextField(blank=True)
    reward = models.FloatField(default=0.0)
    invalid = models.BooleanField(default=False)
    reply = models.TextField(blank=True)
    prompt_sha256 = models.CharField(max_length=64, blank=True)
    dropped_observations = models.PositiveIntegerField(default=0)
    follow_ups = models.JSONField(
        default=list, help_text="Turns sent after the prompt within this decision: {role, content}"
    )
    repaired = models.BooleanField(default=False)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0)

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["episode", "index"], name="step_once_per_index")
        ]


class Reflection(models.Model):
    """Text written after a failed trial, shown to the actor in the next one.

    `automatic_rating` is null until the next trial of the task has ended. `candidates` are what
    the text was chosen among by a reward model: {text, seed, score}, in the order of their seeds.
    """

    class Source(models.TextChoices):
        MODEL = "model", "written by a model"
        HUMAN = "human", "written by a person"

    episode = models.OneToOneField(Episode, on_delete=models.CASCADE, related_name="reflection")
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="reflections")
    text = models.TextField()
    prompt = models.TextField(blank=True)
    adapter = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MODEL)
    candidates = models.JSONField(default=list, blank=True)
    seed = models.BigIntegerField(default=0)
    automatic_rating = models.FloatField(null=True, blank=True)
    effective_rating = models.FloatField(null=True, blank=True)
    human_rating = models.FloatField(
        null=True, blank=True, help_text="Adjudicated, else agreed by people; null if neither"
    )
    repeats_previous = models.BooleanField(default=False)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    written_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["experiment", "-id"], name="reflection_newest"),
            models.Index(
                fields=["experiment", "effective_rating", "id"], name="reflection_of_run_by_rating"
            ),
            models.Index(fields=["effective_rating", "id"], name="reflection_by_rating"),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class StepTag(models.Model):
    """A word that people put on a step, to find its like again."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="step_tags")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["step", "name"], name="tag_once_per_step")]
        indexes = [models.Index(fields=["name", "-episode"], name="steptag_by_name")]


class FailureCount(models.Model):
    """Rollup: how many episodes of one experiment, task type and trial went wrong, and how.

    Kept in the transaction that records an episode or a reflection; the kinds are those of
    `webapp.episodes.failures`.
    """

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="failure_counts"
    )
    task_type = models.CharField(max_length=60, blank=True)
    trial = models.PositiveSmallIntegerField()
    episodes = models.PositiveIntegerField(default=0)
    unsolved = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    looped = models.PositiveIntegerField(default=0)
    step_cap = models.PositiveIntegerField(default=0)
    context_full = models.PositiveIntegerField(default=0)
    other_stop = models.PositiveIntegerField(default=0)
    repeating = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "task_type", "trial"], name="failure_count_once"
            )
        ]
