"""The whole of the bench data, table by table."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from webapp.annotation.models import Comment
from webapp.episodes.failures import recount_failures
from webapp.episodes.models import Episode, EpisodeHead, Reflection, Step
from webapp.experiments.models import CurvePoint, Experiment, ExperimentTask
from webapp.system.bench_data import playing, training
from webapp.system.bench_data.copying import (
    Row,
    copy_rows,
    go_on_after,
    last_pk,
    without_checks,
)
from webapp.system.bench_data.texts import make_texts
from webapp.tasks.models import Task, TaskSet, TaskSetMember
from webapp.training.models import Snapshot, TrainingRun

EPISODES, TASKS, RUNS, POINTS, COMMENTS = 120_000, 1_500, 1_000, 20_000, 2_000
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    episodes: int
    tasks: int
    runs: int
    points: int
    comments: int


def sizes(scale: float) -> Sizes:
    """The full size at 1; every table keeps enough rows to be looked at."""
    return Sizes(
        episodes=max(int(EPISODES * scale), 60),
        tasks=max(int(TASKS * scale), playing.SMALL + 2),
        runs=max(int(RUNS * scale), 2),
        points=max(int(POINTS * min(scale * 10, 1)), 40),
        comments=max(int(COMMENTS * scale), 5),
    )


def has_rows() -> bool:
    """Whether somebody's work is in this database."""
    return any(model.objects.exists() for model in (Experiment, TrainingRun, Task))


def make_bench_data(*, scale: float, seed: int, say: Say) -> None:
    """Fill the database; the same scale and seed give the same rows."""
    size = sizes(scale)
    world = _world(seed)
    tasks = _tasks(size, world)
    plans = playing.plans(world, episodes=size.episodes, tasks=tasks)
    with without_checks(say):
        _experiments(world, plans, say)
        _count(say, "steps", Step, _all(playing.step_rows(world, plan) for plan in plans))
        rows = _all(playing.reflection_rows(world, plan) for plan in plans)
        _count(say, "reflections", Reflection, rows)
        _training(size, seed, say)
    _comments(size, world)
    for plan in plans:
        recount_failures(plan.pk)
    go_on_after([Experiment, Episode, TrainingRun])
    say("statistics")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _world(seed: int) -> playing.World:
    owners = [User.objects.get_or_create(username=f"bench-{n}")[0].pk for n in range(5)]
    return playing.World(
        seed=seed,
        base={"experiment": last_pk(Experiment), "episode": last_pk(Episode)},
        texts=make_texts(seed),
        began=timezone.now() - timedelta(days=30),
        owner_ids=owners,
    )


def _tasks(size: Sizes, world: playing.World) -> dict[str, list[int]]:
    """Task ids by environment."""
    made = {}
    for environment in playing.ENVIRONMENTS:
        first = last_pk(Task) + 1
        numbers = range(first, first + size.tasks)
        task_set = TaskSet.objects.create(
            name=f"{environment} bench {first}",
            environment=environment,
            split="test",
            source="bench",
        )
        rows = [
            Task(environment=environment, key=f"bench-{n}", split="test", goal=f"Find door {n}.")
            for n in numbers
        ]
        ids = [task.pk for task in Task.objects.bulk_create(rows, batch_size=1000)]
        members = [
            TaskSetMember(task_set=task_set, task_id=pk, position=place)
            for place, pk in enumerate(ids)
        ]
        TaskSetMember.objects.bulk_create(members, batch_size=1000)
        made[environment] = ids
    return made


def _experiments(world: playing.World, plans: list[playing.Plan], say: Say) -> None:
    sets = {row.environment: row.pk for row in TaskSet.objects.order_by("pk")}
    rows = (playing.experiment_row(world, plan, sets[plan.environment]) for plan in plans)
    _count(say, "experiments", Experiment, rows)
    _count(say, "episodes", Episode, _all(plan.episodes for plan in plans))
    copy_rows(ExperimentTask, _all(map(playing.task_rows, plans)))
    copy_rows(CurvePoint, _all(map(playing.curve_rows, plans)))
    long = plans[-1].episodes[-1]["id"]
    EpisodeHead.objects.create(
        episode_id=long, messages=[{"role": "user", "content": "A long way."}]
    )


def _count(say: Say, name: str, model: type[Model], rows: Iterable[Row]) -> None:
    say(f"{copy_rows(model, rows):,} {name}")


def _all(groups: Iterable[Iterable[Row]]) -> Iterator[Row]:
    return chain.from_iterable(groups)


def _comments(size: Sizes, world: playing.World) -> None:
    newest = Reflection.objects.order_by("-pk").values_list("pk", flat=True)[: size.comments]
    texts = zip(newest, world.texts.sentences, strict=False)
    rows = [
        Comment(reflection_id=pk, author_id=world.owner_ids[0], text=text) for pk, text in texts
    ]
    Comment.objects.bulk_create(rows, batch_size=1000)


def _training(size: Sizes, seed: int, say: Say) -> None:
    first = last_pk(TrainingRun) + 1
    snapshot = Snapshot.objects.create(name=f"bench {first}", sha256="0" * 64)
    began = timezone.now() - timedelta(days=20)
    rows = training.run_rows(count=size.runs, first_pk=first, snapshot_id=snapshot.pk, began=began)
    _count(say, "training runs", TrainingRun, rows)
    written = training.write_points(count=size.runs, first_pk=first, points=size.points, seed=seed)
    say(f"{written:,} points")
