"""Writing checked log lines, a batch at a time, next to what is stored already."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone

from retro_core.config import ExperimentConfig
from webapp.episodes.closed import closed_to_all, closed_to_new, played_here
from webapp.episodes.failures import failure_columns
from webapp.episodes.imported import settle
from webapp.episodes.log_lines import LogLine
from webapp.episodes.models import Episode, EpisodeHead, Reflection, Step
from webapp.episodes.records import step_rows, turns
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import IMPORTED_SPLIT

Refuse = Callable[[int, str], None]
TaskKey = tuple[str, str]
STEP_BATCH = 2000
IMPORTED = Experiment.Source.IMPORTED


class Shelf:
    """The experiments of one log file while it is read. Used inside one transaction."""

    def __init__(self, source: str, experiment_name: str = "") -> None:
        self.source, self.experiment_name = source, experiment_name
        self.experiments: dict[str, Experiment] = {}
        self.imported = self.known = 0
        self._line_of: dict[tuple[str, str, int], int] = {}
        self._named: set[str] = set()
        self._touched: set[str] = set()

    def put(self, lines: Sequence[LogLine], refuse: Refuse) -> None:
        """Store the lines that agree with each other and with what is stored."""
        first_of_their_trial = [line for line in lines if self._is_first(line, refuse)]
        placed = [line for line in first_of_their_trial if self._fits(line, refuse)]
        tasks = _tasks(placed)
        agreeing = [line for line in placed if _goal_agrees(line, tasks, refuse)]
        self._write(self._new(agreeing, tasks, refuse), tasks)

    def close(self) -> None:
        """Bring counters, curves and ratings of the touched experiments up to date."""
        for name in self._touched:
            settle(self.experiments[name])

    def _name(self, line: LogLine) -> str:
        return self.experiment_name or line.experiment

    def _is_first(self, line: LogLine, refuse: Refuse) -> bool:
        key = (self._name(line), line.task_id, line.trial)
        earlier = self._line_of.setdefault(key, line.number)
        if earlier != line.number:
            refuse(line.number, f"the same experiment, task and trial as line {earlier}")
        return earlier == line.number

    def _fits(self, line: LogLine, refuse: Refuse) -> bool:
        """Whether the line belongs to its experiment, which is made at its first line."""
        self._named.add(line.experiment)
        if self.experiment_name and len(self._named) > 1:
            refuse(line.number, "another experiment than the lines before, but one name was given")
            return False
        name = self._name(line)
        if name not in self.experiments:
            self.experiments[name] = _imported_experiment(name, line, self.source)
        experiment = self.experiments[name]
        reason = closed_to_all(experiment) or _difference(experiment, line)
        if reason:
            refuse(line.number, reason)
        return not reason

    def _new(
        self, lines: Sequence[LogLine], tasks: dict[TaskKey, Task], refuse: Refuse
    ) -> list[LogLine]:
        """The lines whose episode is not stored yet; one stored otherwise is refused."""
        stored = {
            (row.experiment_id, row.task_id, row.trial): row
            for row in Episode.objects.filter(
                experiment__in={self.experiments[self._name(line)].pk for line in lines},
                task__in={tasks[line.environment, line.task_id].pk for line in lines},
            )
        }
        new = []
        for line in lines:
            task = tasks[line.environment, line.task_id]
            experiment = self.experiments[self._name(line)]
            row = stored.get((experiment.pk, task.pk, line.trial))
            closed = closed_to_new(experiment)
            if row is None and closed:
                refuse(line.number, closed)
            elif row is None:
                new.append(line)
            elif _same_outcome(row, line):
                self.known += 1
                self._touch_known(line)
            else:
                refuse(line.number, "this trial is stored already with another outcome")
        return new

    def _touch_known(self, line: LogLine) -> None:
        """What is derived from an imported trial may have been lacking when it came first."""
        if not closed_to_new(self.experiments[self._name(line)]):
            self._touched.add(self._name(line))

    def _write(self, lines: Sequence[LogLine], tasks: dict[TaskKey, Task]) -> None:
        now = timezone.now()
        rows = [
            Episode(
                experiment=self.experiments[self._name(line)],
                task=tasks[line.environment, line.task_id],
                trial=line.trial,
                seed=line.seed,
                success=line.success,
                episode_return=line.episode_return,
                terminated=not line.truncated if line.terminated is None else line.terminated,
                truncated=line.truncated,
                truncation_reason=line.truncation_reason,
                final_answer=line.final_answer,
                finished_at=line.finished_at or now,
                **_sums(line),
            )
            for line in lines
        ]
        Episode.objects.bulk_create(rows)
        pairs = list(zip(rows, lines, strict=True))
        steps = [step for row, line in pairs for step in step_rows(row, line.steps)]
        Step.objects.bulk_create(steps, batch_size=STEP_BATCH)
        EpisodeHead.objects.bulk_create(
            EpisodeHead(episode=row, messages=turns(line.head)) for row, line in pairs if line.head
        )
        Reflection.objects.bulk_create(
            Reflection(
                episode=row, experiment_id=row.experiment_id, text=line.reflection, written_at=now
            )
            for row, line in pairs
            if line.reflection
        )
        self.imported += len(rows)
        self._touched |= {self._name(line) for line in lines}


def _sums(line: LogLine) -> dict[str, Any]:
    """The columns of an episode that are sums over its steps."""
    usages = [step.usage for step in line.steps]
    return {
        "step_count": len(line.steps),
        "invalid_count": sum(step.invalid for step in line.steps),
        **failure_columns(line.steps),
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
        "completion_tokens": sum(usage.completion_tokens for usage in usages),
        "seconds": sum(usage.seconds for usage in usages),
    }


def _same_outcome(row: Episode, line: LogLine) -> bool:
    stored = (row.success, row.episode_return, row.step_count)
    return stored == (line.success, line.episode_return, len(line.steps))


def _imported_experiment(name: str, line: LogLine, source: str) -> Experiment:
    """The stored experiment of that name, or a new one.

    An imported one is locked until the import ends; one that is still played, here or by an agent
    elsewhere, stays free.
    """
    stored = Experiment.objects.filter(name=name).first()
    if stored is not None:
        imported = Experiment.objects.filter(pk=stored.pk, source=IMPORTED)
        at_rest = imported.exclude(status=Experiment.Status.RUNNING)
        return at_rest.select_for_update().first() or stored
    task_set, _ = TaskSet.objects.get_or_create(
        name=f"{name[:100]} (imported)",
        defaults={"environment": line.environment, "split": IMPORTED_SPLIT, "source": source},
    )
    return Experiment.objects.create(
        name=name,
        task_set=task_set,
        environment=line.environment,
        method=line.method,
        actor_model=line.actor,
        trials=1,
        source=IMPORTED,
        status=Experiment.Status.FINISHED,
        notes=f"Imported from {source}.",
        config=ExperimentConfig(method=line.method).to_json(),
        finished_at=timezone.now(),
    )


def _difference(experiment: Experiment, line: LogLine) -> str:
    """Why the line cannot belong to the experiment; empty if it can."""
    for column, value in [
        ("environment", line.environment),
        ("method", line.method),
        ("actor_model", line.actor),
    ]:
        known = getattr(experiment, column)
        if value != known and experiment.source != IMPORTED:
            return played_here(experiment)
        if value != known:
            word = column.removesuffix("_model")
            return f"{word} {value!r}, but the experiment {experiment.name!r} has {known!r}"
    return ""


def _tasks(lines: Sequence[LogLine]) -> dict[TaskKey, Task]:
    """The stored tasks of the lines, made where missing."""
    made = {
        (line.environment, line.task_id): Task(
            environment=line.environment,
            key=line.task_id,
            split=IMPORTED_SPLIT,
            goal=line.goal,
            payload={"gold_answer": line.gold_answer} if line.gold_answer else {},
        )
        for line in reversed(lines)
    }
    in_order = sorted(made.values(), key=lambda task: (task.environment, task.key))
    Task.objects.bulk_create(in_order, ignore_conflicts=True)
    stored = Task.objects.filter(
        environment__in={environment for environment, _ in made}, key__in={key for _, key in made}
    )
    return {(task.environment, task.key): task for task in stored}


def _goal_agrees(line: LogLine, tasks: dict[TaskKey, Task], refuse: Refuse) -> bool:
    """One key means one task; a goal that was missing is filled in."""
    task = tasks[line.environment, line.task_id]
    if line.goal and not task.goal:
        task.goal = line.goal
        task.save(update_fields=["goal"])
    agrees = not line.goal or line.goal == task.goal
    if not agrees:
        refuse(line.number, f"task {line.task_id!r} is known with another goal")
    return agrees
