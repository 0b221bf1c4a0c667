"""The pages that are measured, and what each may cost."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

SEED = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """What a page may cost."""

    p95_ms: float
    cpu_ms: float
    queries: int
    kib: float

    @property
    def words(self) -> str:
        """For the table."""
        return f"{self.p95_ms:.0f} ms, {self.cpu_ms:.0f} ms CPU, {self.queries}, {self.kib:g} KiB"


LIMITS = {
    "list": Limit(150, 40, 10, 80),
    "search": Limit(300, 100, 12, 80),
    "page": Limit(200, 100, 20, 100),
    "episode": Limit(200, 100, 15, 100),
    "chart": Limit(200, 150, 10, 150),
    "tick": Limit(100, 20, 12, 2),
}


@dataclass(frozen=True, slots=True)
class BenchPage:
    """One kind of request; its addresses are asked for in turn."""

    name: str
    kind: str
    paths: list[str]
    headers: dict[str, str] = field(default_factory=dict)
    while_busy: bool = False


def pages() -> list[BenchPage]:
    """All of them, over the rows that are there."""
    return [*_lists(), *_searches(), *_single_pages()]


def _lists() -> list[BenchPage]:
    from webapp.episodes.models import Reflection
    from webapp.experiments.models import Experiment

    middle = Experiment.objects.order_by("pk")[1000 % Experiment.objects.count()].pk
    reflection = Reflection.objects.order_by("pk")[50].pk
    few = "/experiments/?q=mug&method=react&environment=webshop"
    return [
        BenchPage("experiments", "list", ["/experiments/"], while_busy=True),
        BenchPage("experiments, filtered", "list", ["/experiments/?method=react", few]),
        BenchPage("experiments, by name", "list", ["/experiments/?q=lamp"]),
        BenchPage("experiments, deep", "list", [f"/experiments/?before={middle}"]),
        BenchPage("reflections", "list", ["/reflections/"]),
        BenchPage("reflections, negative", "list", ["/reflections/?rating=negative"]),
        BenchPage("reflections, deep", "list", [f"/reflections/?before={reflection}"]),
        BenchPage("reflections of one", "list", [f"/reflections/?experiment={middle}"]),
        BenchPage("training runs", "list", ["/training/"]),
        BenchPage("task sets", "list", ["/task-sets/"]),
        BenchPage("annotation queues", "list", ["/annotation/"]),
        BenchPage("adapters", "list", ["/adapters/"]),
        BenchPage("reports", "list", ["/reports/"]),
        BenchPage("notifications", "list", ["/notifications/"]),
    ]


def _searches() -> list[BenchPage]:
    from webapp.episodes.models import Step
    from webapp.system.bench_data.texts import make_texts

    texts = make_texts(SEED)
    rare = texts.rare[5:3000:60]
    deep = Step.objects.order_by("-pk").values_list("pk", flat=True)[1000]
    asked = {
        "search, rare word": [f"q={word}" for word in rare],
        "search, rare prefix": [f"q={word[:-1]}*" for word in rare],
        "search, rare word in actions": [f"scope=action&q=search+{word}" for word in rare],
        "search, common word": ["q=the", "q=you", "q=mug"],
        "search, common word, best": ["q=the&order=best", "q=mug&order=best"],
        "search, common word in thoughts": ["q=mug&scope=thought"],
        "search, words and exclusion": ["q=lamp+shelf+-mug", "q=drawer+1+-the"],
        "search, phrase": ['q="go+to"', "q=%22mug+1%22", "q=%22take+mug+12%22&scope=action"],
        "search, filtered": [
            "q=lamp&environment=webshop&outcome=solved",
            "q=the&method=react",
            "q=mug&experiment=40",
        ],
        "search, deep": [f"q=the&before={deep}"],
        "search, reflections": ["q=mug&scope=reflections", "q=the+of&scope=reflections"],
    }
    return [
        BenchPage(
            name,
            "search",
            [f"/search/?{query}".replace('"', "%22") for query in queries],
            while_busy=name == "search, rare word",
        )
        for name, queries in asked.items()
    ]


def _single_pages() -> list[BenchPage]:
    from webapp.episodes.models import Episode
    from webapp.experiments.models import Experiment
    from webapp.training.models import TrainingRun

    large = Experiment.objects.order_by("-episodes_count", "pk")[0].pk
    small = Experiment.objects.order_by("-pk")[5]
    task = small.experiment_tasks.all()[0].task_id
    long = Episode.objects.order_by("-step_count")[0].pk
    runs = list(TrainingRun.objects.order_by("-pk").values_list("pk", flat=True)[:50])
    drawn = "&".join([*(f"run={pk}" for pk in runs), "curve=train+loss"])
    tick = {"HX-Request": "true", "HX-Target": "tick"}
    return [
        BenchPage("experiment", "page", [f"/experiments/{small.pk}/"]),
        BenchPage("experiment, 1,500 tasks", "page", [f"/experiments/{large}/"]),
        BenchPage("task in an experiment", "page", [f"/experiments/{small.pk}/tasks/{task}/"]),
        BenchPage("episode, 2,000 steps", "episode", [f"/episodes/{long}/"]),
        BenchPage("training run, 20,000 points", "chart", [f"/training/{runs[0]}/"]),
        BenchPage("chart of 50 runs", "chart", [f"/training/curves/?{drawn}"]),
        BenchPage("live tick", "tick", [_tick_address(small.pk)], headers=tick),
    ]


def _tick_address(experiment_id: int) -> str:
    """A tick without news: what an open page asks every two seconds."""
    from webapp.experiments import live
    from webapp.experiments.models import Experiment

    experiment = Experiment.objects.get(pk=experiment_id)
    cursor = live.Cursor.of(experiment, live.playing_rows(experiment))
    return f"/experiments/{experiment_id}/?cursor={cursor}"


def import_lines() -> Iterator[str]:
    """A log of episodes that no experiment here has."""
    name = f"log of {time.time_ns()}"
    step = {"thought": "A thought.", "action": "go", "observation": "You see a mug. " * 8}
    for task, trial in product(range(4_000), (1, 2)):
        line = {
            "experiment": name,
            "environment": "alfworld",
            "method": "react",
            "task_id": f"{name} {task}",
            "trial": trial,
            "steps": [step] * 20,
            "success": trial == 2,
            "episode_return": float(trial == 2),
            "truncated": False,
        }
        yield json.dumps(line) + "\n"
