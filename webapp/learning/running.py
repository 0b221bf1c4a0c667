"""Makes what is missing of the protocol and waits for it: taken up again where it was left."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from retro_core.config import ExperimentConfig
from retro_core.errors import InvalidInput
from retro_core.training.spec import Stage
from webapp.adapters.models import Adapter
from webapp.adapters.services import server
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment, start
from webapp.learning import protocol as parts
from webapp.learning.protocol import BEST_OF_N, PLAIN_BEST_OF_N, TRAINED, Protocol
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import generated_set, save_task_set
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze

Say = Callable[[str], None]
WORLD = "alfworld"
LOOK_SECONDS = 2.0
CONCURRENCY = 8
FIRST: tuple[Stage, ...] = ("sft", "reward_model")
SECOND: tuple[Stage, ...] = ("ppo", "grpo")
GONE_WRONG = {"paused", "cancelled", "failed", "stopped"}


@dataclass(frozen=True, slots=True)
class Measured:
    """The experiments of all arms on unseen tasks, and what was trained."""

    protocol: Protocol
    arms: Mapping[str, Experiment]
    runs: Mapping[str, TrainingRun]
    collected: list[Experiment]


def run(protocol: Protocol, say: Say) -> Measured:
    """Collect, train and evaluate. Raises InvalidInput with the reason where a part fails."""
    unseen = generated_set(
        WORLD, protocol.unseen_split, protocol.unseen_tasks, protocol.unseen_seed
    )
    collected = _collect(protocol, say)
    snapshot = _snapshot(protocol, collected)
    arms = _control_arms(protocol, unseen, say)
    runs = _train(protocol, FIRST, snapshot, {}, say)
    arms |= _trained_arms(protocol, unseen, runs)
    runs |= _train(protocol, SECOND, snapshot, runs, say)
    arms |= _trained_arms(protocol, unseen, runs)
    _wait(arms.values(), say)
    return Measured(protocol, arms, runs, collected)


def _control_arms(protocol: Protocol, unseen: TaskSet, say: Say) -> dict[str, Experiment]:
    """`react` to its end, since others take its first trials from the record; the rest started."""
    configs = parts.control_arms(protocol)
    first = {"react": _play(protocol.title("react"), unseen, configs.pop("react"))}
    _wait(first.values(), say)
    return first | {
        name: _play(protocol.title(name), unseen, config) for name, config in configs.items()
    }


def _trained_arms(
    protocol: Protocol, unseen: TaskSet, runs: Mapping[str, TrainingRun]
) -> dict[str, Experiment]:
    """The arms of the adapters that are trained by now, started where they were not."""
    arms = {
        f"retroformer {stage}": _play(
            protocol.title(f"retroformer {stage}"),
            unseen,
            parts.trained_arm(protocol),
            adapter=_loaded(runs[stage]).name,
        )
        for stage in TRAINED
        if stage in runs
    }
    ranked = parts.trained_arm(protocol, reward_model=_made(runs["reward_model"]).name)
    for name, adapter in ((PLAIN_BEST_OF_N, ""), (BEST_OF_N, _loaded(runs["sft"]).name)):
        arms[name] = _play(protocol.title(name), unseen, ranked, adapter=adapter)
    return arms


def _collect(protocol: Protocol, say: Say) -> list[Experiment]:
    """Two kinds of ratings: the plain reflector's samples, and plans of hindsight."""
    train = generated_set(WORLD, protocol.train_split, protocol.train_tasks, protocol.train_seed)
    samples = [
        _play(protocol.title(f"sample {number}"), train, parts.collecting(protocol, number))
        for number in range(protocol.samples)
    ]
    _wait(samples, say)
    draws = [
        _play(protocol.title(f"luck {draw}"), train, parts.luck(protocol, 1, draw))
        for draw in range(protocol.luck_draws)
    ]
    _wait(draws, say)
    return [*samples, *_hindsight(protocol, samples, draws, say)]


def _hindsight(
    protocol: Protocol, samples: list[Experiment], draws: list[Experiment], say: Say
) -> list[Experiment]:
    """Plans for every first failure of a task that any episode solves, each rated by a retry."""
    among = [*samples, *draws]
    made = []
    for draw, first in [(None, samples[0]), *enumerate(draws)]:
        words = "hindsight" if draw is None else f"hindsight {draw}"
        solvable = _solved_by_another(first, among)
        if not solvable:
            say(f"{words}: no task that failed was solved by another trial, so no plan to give.")
            continue
        name = protocol.title(f"tasks with {words}")
        held = TaskSet.objects.filter(name=name).first() or save_task_set(
            name,
            WORLD,
            protocol.train_split,
            [task.as_core() for task in solvable],
            source="solved by another trial",
        )
        made.append(_play(protocol.title(words), held, parts.hindsight(protocol, draw)))
    _wait(made, say)
    return made


def _solved_by_another(first: Experiment, among: list[Experiment]) -> list[Task]:
    """Tasks whose first trial failed and that another recorded episode solves."""
    failed = Episode.objects.filter(experiment=first, trial=1, success=False).values("task")
    solved = Episode.objects.filter(experiment__in=among, success=True).values("task")
    return list(Task.objects.filter(pk__in=failed).filter(pk__in=solved).order_by("pk"))


def _snapshot(protocol: Protocol, collected: list[Experiment]) -> Snapshot:
    name = protocol.title("ratings")
    query = BufferQuery(experiments=tuple(one.pk for one in collected), seed=protocol.seed)
    return Snapshot.objects.filter(name=name).first() or freeze(query, name=name)


def _train(
    protocol: Protocol,
    stages: Iterable[Stage],
    snapshot: Snapshot,
    before: Mapping[str, TrainingRun],
    say: Say,
) -> dict[str, TrainingRun]:
    """Run stages on the snapshot; those of a policy start from the tuned adapter `before`."""
    runs: dict[str, TrainingRun] = {}
    for stage in stages:
        policy = stage in SECOND
        runs[stage] = _launch(
            protocol,
            stage,
            snapshot,
            parent=_made(before["sft"]) if policy else None,
            reward_model=_made(before["reward_model"]) if policy else None,
        )
    _wait(runs.values(), say)
    return runs


def _launch(
    protocol: Protocol,
    stage: Stage,
    snapshot: Snapshot,
    *,
    parent: Adapter | None = None,
    reward_model: Adapter | None = None,
) -> TrainingRun:
    name = protocol.title(stage.replace("_", " "))
    family = f"learn-{protocol.name}-{stage.replace('_', '-')}"
    made_before = TrainingRun.objects.filter(name=name).first()
    return made_before or launch(
        name=name,
        snapshot=snapshot,
        spec=parts.training_spec(protocol, stage),
        preset="cpu-small",
        adapter_family=family,
        parent=parent,
        reward_model=reward_model,
    )


def _made(run: TrainingRun) -> Adapter:
    run.refresh_from_db()
    if run.adapter is None:
        raise InvalidInput(f"{run.name} made no adapter: {run.status}. {run.reason}")
    return run.adapter


def _loaded(run: TrainingRun) -> Adapter:
    adapter = _made(run)
    server.load(adapter)
    return adapter


def _play(name: str, task_set: TaskSet, config: ExperimentConfig, adapter: str = "") -> Experiment:
    """The experiment of that name, made and started where it is missing."""
    made_before = Experiment.objects.filter(name=name).first()
    if made_before:
        return made_before
    experiment = create_experiment(
        name=name,
        task_set=task_set,
        config=replace(config),
        adapter=adapter,
        concurrency=CONCURRENCY,
    )
    start(experiment.pk)
    return experiment


def _wait(rows: Iterable[Experiment | TrainingRun], say: Say) -> None:
    """Until all have ended well; says how far each is when that changes."""
    waiting, said = list(rows), ""
    while waiting:
        for row in waiting:
            row.refresh_from_db()
            if row.status in GONE_WRONG:
                reason = getattr(row, "status_message", "") or getattr(row, "reason", "")
                raise InvalidInput(f"{row.name} is {row.status}. {reason} Mend it and start again.")
        waiting = [row for row in waiting if row.status not in {"finished", "done"}]
        words = "; ".join(_progress(row) for row in waiting[:3])
        if words and words != said:
            say(words)
            said = words
        if waiting:
            time.sleep(LOOK_SECONDS)


def _progress(row: Experiment | TrainingRun) -> str:
    if isinstance(row, Experiment):
        return f"{row.name}: {row.tasks_ended} of {row.tasks_total} tasks"
    return f"{row.name}: {row.status}, step {row.step}"
