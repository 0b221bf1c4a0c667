from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from webapp.leases import Leased, LeasedQuerySet


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


class PromotionQuerySet(LeasedQuerySet["Promotion"]):
    """Questions about promotions, and the one way to claim one."""

    def moving(self) -> "PromotionQuerySet":
        """Those that have not ended."""
        return self.filter(status__in=[Promotion.Status.PENDING, Promotion.Status.PROBING])

    def claim(self, pk: int, holder: str) -> "Promotion | None":
        """Take it; None if it has ended, or another worker holds it."""
        taken = self._take(pk, holder)
        return self.select_related("adapter", "person").get(pk=pk) if taken else None

    def end(self, pk: int, holder: str, *, status: str, told: str) -> bool:
        """Let go of it, with what came of it; False if another worker holds it by now."""
        return self.let_go(pk, holder, status=status, told=told, finished_at=timezone.now())


class Promotion(Leased):
    """A change of stage that somebody asked for. A worker does it: a server may have to restart."""

    class Kind(models.TextChoices):
        PROMOTE = "promote", "promotion"
        ROLL_BACK = "roll_back", "roll back"

    class Status(models.TextChoices):
        PENDING = "pending"
        PROBING = "probing"
        DONE = "done"
        REFUSED = "refused"

    FREE = (Status.PENDING,)
    TAKEN = (Status.PROBING,)

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="promotions")
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.PROMOTE)
    to_stage = models.CharField(max_length=10, choices=Adapter.Stage.choices, blank=True)
    reason = models.CharField(max_length=400, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.PENDING)
    told = models.TextField(blank=True, help_text="What came of it; why it was refused")
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["adapter"],
                condition=Q(status__in=["pending", "probing"]),
                name="one_moving_promotion_each",
            )
        ]

    @property
    def is_moving(self) -> bool:
        """Whether its state may still change by itself."""
        return self.status in {self.Status.PENDING, self.Status.PROBING}


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
