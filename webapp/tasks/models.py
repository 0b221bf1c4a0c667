from django.db import models

from retro_core import types


class TaskSet(models.Model):
    """A named, ordered list of tasks of one environment and one split."""

    name = models.CharField(max_length=120, unique=True)
    environment = models.CharField(max_length=60)
    split = models.CharField(max_length=40)
    source = models.CharField(
        max_length=200, help_text="Where the tasks come from: a generator with its seed, or a file"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    tasks: "models.ManyToManyField[Task, TaskSetMember]" = models.ManyToManyField(
        "Task", through="TaskSetMember", related_name="task_sets"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    """One problem. `key` is its name inside its environment, stable across imports."""

    environment = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    split = models.CharField(max_length=40)
    task_type = models.CharField(max_length=60, blank=True)
    goal = models.TextField()
    payload = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "key"], name="task_key_once_per_environment"
            )
        ]
        indexes = [models.Index(fields=["environment", "split", "task_type"])]

    def __str__(self) -> str:
        return self.key

    def as_core(self) -> types.Task:
        """The record the algorithm works on."""
        return types.Task(
            id=self.key,
            environment=self.environment,
            goal=self.goal,
            split=self.split,
            task_type=self.task_type,
            payload=self.payload,
        )


class TaskSetMember(models.Model):
    """A task's place in a task set."""

    task_set = models.ForeignKey(TaskSet, on_delete=models.CASCADE, related_name="members")
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="memberships")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["task_set", "task"], name="task_once_per_set"),
            models.UniqueConstraint(fields=["task_set", "position"], name="position_once_per_set"),
        ]
