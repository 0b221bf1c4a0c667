"""Transfer: supervised tuning on three types of chore, measured on those and on the other three."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retro_core.envs.alfworld.chores import TASK_TYPES
from retro_core.metrics import Outcome, learning_curve
from webapp.experiments.curves import outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning.protocol import Protocol
from webapp.learning.running import collect_plans, unseen_tasks
from webapp.learning.steps import Say, loaded, play, snapshot, train, wait
from webapp.learning.table import difference, ends
from webapp.tasks.models import Task
from webapp.training.services.buffer import BufferQuery

# The first three chores end with what was picked up; the others change it on the way.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "carried": ("pick_and_place_simple", "look_at_obj_in_light", "pick_two_obj_and_place"),
    "changed": tuple(name for name in TASK_TYPES if name.endswith("_then_place_in_recep")),
}


@dataclass(frozen=True, slots=True)
class Matrix:
    """Experiments by what their reflector was trained on."""

    protocol: Protocol
    trained_on: Mapping[str, Experiment]


def run(protocol: Protocol, say: Say) -> Matrix:
    """Tune on the ratings of each group, and play all unseen tasks with each adapter."""
    unseen = unseen_tasks(protocol)
    collected = tuple(one.pk for one in collect_plans(protocol, say))
    arms = {
        "nothing (reflexion)": play(
            protocol.title("reflexion"), unseen, parts.control_arms(protocol)["reflexion"]
        )
    }
    runs = {}
    for group, types in GROUPS.items():
        query = BufferQuery(experiments=collected, task_types=types, seed=protocol.seed)
        rated = snapshot(protocol, f"ratings of {group} things", query)
        runs[group] = train(protocol, "sft", rated, part=f"on {group} things")
    for group, made_by in runs.items():
        wait([made_by], say)
        arms[f"things {group}"] = play(
            protocol.title(f"retroformer of {group} things"),
            unseen,
            parts.trained_arm(protocol),
            adapter=loaded(made_by).name,
        )
    wait(arms.values(), say)
    everything = Experiment.objects.filter(name=protocol.title("retroformer sft")).first()
    if everything is not None and everything.status == Experiment.Status.FINISHED:
        arms["all six"] = everything
    return Matrix(protocol, arms)


def lines(found: Matrix) -> Iterator[str]:
    """Success of each training group on each test group and type, with intervals."""
    tests = {**GROUPS, **{name: (name,) for name in TASK_TYPES}}
    recorded = outcomes_of(one.pk for one in found.trained_on.values())
    types = {str(pk): kind for pk, kind in Task.objects.values_list("pk", "task_type")}
    yield f"| trained on | {' | '.join(_head(name) for name in tests)} |"
    yield "|---" * (len(tests) + 1) + "|"
    for name, one in found.trained_on.items():
        cells = [
            _success([row for row in recorded[one.pk] if types[row.task_id] in kinds], found)
            for kinds in tests.values()
        ]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield from _differences(found, recorded, types)


def _head(name: str) -> str:
    return f"things {name}" if name in GROUPS else name.replace("_", " ")


def _success(rows: list[Outcome], found: Matrix) -> str:
    """Percent solved in any attempt, its interval, and how many tasks."""
    if not rows:
        return "no task"
    last = learning_curve(rows, seed=0)[-1]
    return f"{100 * last.success.value:.0f} {ends(last.success)} of {last.tasks}"


def _differences(
    found: Matrix, recorded: Mapping[int, list[Outcome]], types: Mapping[str, str]
) -> Iterator[str]:
    """Of each trained reflector from the plain one, on the chores it was and was not trained on."""
    names = list(found.trained_on)
    plain = solved_by(recorded[found.trained_on[names[0]].pk], found.protocol.trials)
    yield "| trained on | measured on | against the plain reflector |"
    yield "|---|---|---|"
    for name in names[1:]:
        own = solved_by(recorded[found.trained_on[name].pk], found.protocol.trials)
        for group, kinds in GROUPS.items():
            tasks = [task for task in plain if types[task] in kinds and task in own]
            gap, _ = difference({t: plain[t] for t in tasks}, {t: own[t] for t in tasks})
            yield f"| {name} | things {group} | {gap} |"
