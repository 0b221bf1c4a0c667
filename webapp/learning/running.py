"""Makes what is missing of the protocol and waits for it: taken up again where it was left."""

from collections.abc import Mapping
from dataclasses import dataclass

from retro_core.errors import InvalidInput
from retro_core.training.spec import Stage
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning.protocol import (
    BEST_OF_N,
    PLAIN_BEST_OF_N,
    TRAINED,
    WITH_EXAMPLE,
    Protocol,
)
from webapp.learning.steps import WORLD, Say, loaded, made, play, snapshot, task_set, train, wait
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import generated_set
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery

AFTER_TUNING: tuple[Stage, ...] = ("reward_model", "ppo", "grpo")
"""The arms of each are played while the next is trained."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The experiments of all arms on unseen tasks, and what was trained."""

    protocol: Protocol
    arms: Mapping[str, Experiment]
    runs: Mapping[str, TrainingRun]
    collected: list[Experiment]


def claim(protocol: Protocol, say: Say) -> Measured:
    """Collect plans, tune on them, and measure the tuned reflector beside every control.

    The controls are played while the reflector is tuned. Raises InvalidInput with the reason where
    a part fails.
    """
    unseen = unseen_tasks(protocol)
    plans = collect_plans(protocol, say)
    runs = {"sft": tune(protocol, plans)}
    arms = _control_arms(protocol, unseen, say)
    wait(runs.values(), say)
    arms |= _trained_arms(protocol, unseen, runs)
    wait(arms.values(), say)
    return Measured(protocol, arms, runs, plans)


def go_on(claimed: Measured, say: Say) -> Measured:
    """Ratings of the tuned reflector, and what learns from them, measured on the same games.

    Raises InvalidInput with the reason where a part fails.
    """
    protocol, unseen = claimed.protocol, unseen_tasks(claimed.protocol)
    arms, runs = dict(claimed.arms), dict(claimed.runs)
    whole = rated_runs(protocol, runs["sft"], say)
    samples = collect_samples(protocol, runs["sft"], say)
    wait(whole, say)
    judged = ratings(protocol, "ratings", [*samples, *whole])
    sampled = ratings(protocol, "ratings of samples", samples)
    for stage in AFTER_TUNING:
        rated = judged if stage == "reward_model" else sampled
        runs[stage] = _train(protocol, stage, rated, runs, say)
        arms |= _trained_arms(protocol, unseen, runs)
    wait(arms.values(), say)
    return Measured(protocol, arms, runs, [*claimed.collected, *samples, *whole])


def unseen_tasks(protocol: Protocol) -> TaskSet:
    """The games that every arm is measured on."""
    return generated_set(WORLD, protocol.unseen_split, protocol.unseen_tasks, protocol.unseen_seed)


def train_tasks(protocol: Protocol) -> TaskSet:
    """The games that plans for supervised tuning come from."""
    return generated_set(WORLD, protocol.train_split, protocol.train_tasks, protocol.train_seed)


def rated_tasks(protocol: Protocol) -> TaskSet:
    """The games that ratings come from."""
    return generated_set(WORLD, protocol.train_split, protocol.rated_tasks, protocol.rated_seed)


def _control_arms(protocol: Protocol, unseen: TaskSet, say: Say) -> dict[str, Experiment]:
    """`react` to its end, since others take its first trials from the record; the rest started."""
    configs = parts.control_arms(protocol)
    first = {"react": play(protocol.title("react"), unseen, configs.pop("react"))}
    wait(first.values(), say)
    if protocol.more_controls:
        configs[WITH_EXAMPLE] = parts.exampled_arm(protocol)
    return first | {
        name: play(protocol.title(name), unseen, config) for name, config in configs.items()
    }


def _trained_arms(
    protocol: Protocol, unseen: TaskSet, runs: Mapping[str, TrainingRun]
) -> dict[str, Experiment]:
    """The arms of the adapters that are trained by now, started where they were not."""
    arms = {
        f"retroformer {stage}": play(
            protocol.title(f"retroformer {stage}"),
            unseen,
            parts.trained_arm(protocol),
            adapter=loaded(runs[stage]).name,
        )
        for stage in TRAINED
        if stage in runs
    }
    if "reward_model" not in runs:
        return arms
    ranked = parts.trained_arm(protocol, reward_model=made(runs["reward_model"]).name)
    adapters = {BEST_OF_N: loaded(runs["sft"]).name}
    if protocol.more_controls:
        adapters[PLAIN_BEST_OF_N] = ""
    for name, adapter in adapters.items():
        arms[name] = play(protocol.title(name), unseen, ranked, adapter=adapter)
    return arms


def first_trials_elsewhere(protocol: Protocol, say: Say) -> None:
    """First trials of the games for ratings: who reflects on them takes them from the record."""
    tasks = rated_tasks(protocol)
    first = play(protocol.title("first trials elsewhere"), tasks, parts.first_trials(protocol))
    wait([first], say)


def rated_runs(protocol: Protocol, tuning: TrainingRun, say: Say) -> list[Experiment]:
    """Several attempts with the plain and with the tuned reflector on the games for ratings."""
    first_trials_elsewhere(protocol, say)
    tasks, adapter = rated_tasks(protocol), loaded(tuning).name
    plain, tuned = parts.rated_run(protocol, "reflexion"), parts.rated_run(protocol, "retroformer")
    return [
        play(protocol.title("reflexion elsewhere"), tasks, plain),
        play(protocol.title("retroformer elsewhere"), tasks, tuned, adapter=adapter),
    ]


def collect_samples(protocol: Protocol, tuning: TrainingRun, say: Say) -> list[Experiment]:
    """Reflections of the tuned reflector on every first failure, each rated by a retry.

    On games that it was not tuned on: see `Protocol`.
    """
    first_trials_elsewhere(protocol, say)
    wait([tuning], say)
    adapter, tasks = loaded(tuning).name, rated_tasks(protocol)
    samples = [
        play(
            protocol.title(f"sample {number} elsewhere"),
            tasks,
            parts.sampling(protocol, number),
            adapter=adapter,
        )
        for number in range(protocol.samples)
    ]
    wait(samples, say)
    return samples


def collect_plans(protocol: Protocol, say: Say) -> list[Experiment]:
    """Plans for every first failure of a task that another first trial solves.

    Each plan is rated by a retry. The first trials are one at temperature 0 and some draws.
    """
    tasks = train_tasks(protocol)
    first = play(protocol.title("first trials"), tasks, parts.first_trials(protocol))
    draws = [
        play(protocol.title(f"luck {draw}"), tasks, parts.luck(protocol, 1, draw))
        for draw in range(protocol.luck_draws)
    ]
    among = [first, *draws]
    wait(among, say)
    given = []
    for draw, failed in [(None, first), *enumerate(draws)]:
        words = "hindsight" if draw is None else f"hindsight {draw}"
        solvable = _solved_by_another(failed, among)
        if not solvable:
            say(f"{words}: no task that failed was solved by another trial, so no plan to give.")
            continue
        held = task_set(protocol, f"tasks with {words}", solvable, source="solved by another trial")
        given.append(play(protocol.title(words), held, parts.hindsight(protocol, draw)))
    wait(given, say)
    return given


def tuned_before(protocol: Protocol) -> TrainingRun:
    """The supervised tuning of an earlier run of the protocol. Raises InvalidInput without one."""
    tuning = TrainingRun.objects.filter(name=protocol.title("sft")).first()
    if tuning is None:
        raise InvalidInput("There is no tuned reflector to measure again: run `make learn` first.")
    return tuning


def tune(protocol: Protocol, plans: list[Experiment]) -> TrainingRun:
    """Supervised tuning on the plans that helped, launched."""
    query = BufferQuery(experiments=tuple(one.pk for one in plans), seed=protocol.seed)
    return train(protocol, "sft", snapshot(protocol, "plans of hindsight", query))


def _solved_by_another(first: Experiment, among: list[Experiment]) -> list[Task]:
    """Tasks whose first trial failed and that another recorded episode solves."""
    failed = Episode.objects.filter(experiment=first, trial=1, success=False).values("task")
    solved = Episode.objects.filter(experiment__in=among, success=True).values("task")
    return list(Task.objects.filter(pk__in=failed).filter(pk__in=solved).order_by("pk"))


def ratings(protocol: Protocol, part: str, collected: list[Experiment]) -> Snapshot:
    """The ratings of those experiments, frozen."""
    query = BufferQuery(experiments=tuple(one.pk for one in collected), seed=protocol.seed)
    return snapshot(protocol, part, query)


def _train(
    protocol: Protocol,
    stage: Stage,
    rated: Snapshot,
    before: Mapping[str, TrainingRun],
    say: Say,
) -> TrainingRun:
    """Run a stage on the ratings; all start from the tuned adapter, which can read a failure."""
    run = train(
        protocol,
        stage,
        rated,
        parent=made(before["sft"]),
        reward_model=made(before["reward_model"]) if stage == "ppo" else None,
    )
    wait([run], say)
    return run
