from django.conf import settings
from django.db import models
from django.db.models import Q


class AdapterQuerySet(models.QuerySet["Adapter"]):
    """Questions about adapters."""

    def policies(self) -> "AdapterQuerySet":
        """Those that write reflections, and can be served."""
        return self.filter(kind=Adapter.Kind.POLICY)

    def reward_models(self) -> "AdapterQuerySet":
        """Those that predict ratings."""
        return self.filter(kind=Adapter.Kind.REWARD_MODEL)

    def in_production(self) -> "Adapter | None":
        """The one that new experiments should reflect with."""
        return self.filter(stage=Adapter.Stage.PRODUCTION).first()


class Adapter(models.Model):
    """One version of trained weights, made by a finished training run. Its files never change.

    `name` is the folder below the adapters folder and the name that the model server knows.
    """

    class Kind(models.TextChoices):
        POLICY = "policy"
        REWARD_MODEL = "reward_model", "reward model"

    class Stage(models.TextChoices):
        CANDIDATE = "candidate"
        STAGING = "staging"
        PRODUCTION = "production"

    family = models.SlugField(max_length=60)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    checksum = models.CharField(max_length=64, help_text="sha256 over weights and configuration")
    weights_sha256 = models.CharField(max_length=64, help_text="As the model server tells it")
    base_sha256 = models.CharField(max_length=64, blank=True)
    base_name = models.CharField(max_length=160, blank=True)
    rank = models.PositiveSmallIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AdapterQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["family", "version"], name="adapter_version_once"),
            models.UniqueConstraint(
                fields=["stage"],
                condition=Q(stage="production"),
                name="one_adapter_in_production",
            ),
            models.CheckConstraint(
                condition=Q(kind="policy") | Q(stage="candidate"),
                name="only_policies_are_promoted",
            ),
        ]
        permissions = [("promote_adapter", "Can promote, roll back, try and evaluate adapters")]

    def __str__(self) -> str:
        return self.name


class StageChange(models.Model):
    """An adapter was promoted or taken back: who, when, why, and what the probe saw."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="stage_changes")
    from_stage = models.CharField(max_length=10, choices=Adapter.Stage.choices)
    to_stage = models.CharField(max_length=10, choices=Adapter.Stage.choices)
    reason = models.CharField(max_length=400)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    probe = models.JSONField(default=dict, help_text="prompt, base and adapter: the texts compared")
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]


class Evaluation(models.Model):
    """An adapter beside its frozen twin: two experiments on the same tasks and seed."""

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="evaluations")
    trained = models.ForeignKey(
        "experiments.Experiment", on_delete=models.CASCADE, related_name="evaluations_as_trained"
    )
    frozen = models.ForeignKey(
        "experiments.Experiment", on_delete=models.CASCADE, related_name="evaluations_as_frozen"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
