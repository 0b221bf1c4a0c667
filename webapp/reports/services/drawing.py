"""What a block shows, as JSON values: drawn now for a live block, kept for a frozen one."""

from collections.abc import Callable
from typing import Any

from webapp import present
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.timeline import truncation_words
from webapp.experiments.curves import curve
from webapp.experiments.models import Experiment
from webapp.experiments.rows import success_shares
from webapp.reports.services.blocks import Block

MOST_CURVES, MOST_ROWS, MOST_STEPS = 8, 30, 12
TEXT_SHOWN = 400
LARGEST_ID = 2**63 - 1
Content = dict[str, Any]  # JSON values


def draw(block: Block) -> Content:
    """The block's content; one that names nothing known says so under `missing`."""
    drawn = DRAWINGS[block.kind](block)
    return drawn | {"kind": block.kind, "title": block.options.get("title", "")}


def _experiments(block: Block, most: int) -> list[Experiment]:
    ids = [pk for pk in block.numbers("experiments", most) if pk <= LARGEST_ID]
    ids += [pk for pk in block.numbers("experiment", 1) if pk <= LARGEST_ID]
    found = Experiment.objects.filter(pk__in=ids).prefetch_related("curve_points")
    by_id = {experiment.pk: experiment for experiment in found}
    return [by_id[pk] for pk in dict.fromkeys(ids) if pk in by_id]


def _curve(block: Block) -> Content:
    metric = "return" if block.options.get("metric") == "return" else "success"
    series = [_series(one, metric) for one in _experiments(block, MOST_CURVES)]
    if not series:
        return {"missing": "No experiment of that number."}
    return {"metric": metric, "series": series}


def _series(experiment: Experiment, metric: str) -> Content:
    points = []
    for point in curve(experiment):
        estimate = point.success if metric == "success" else point.episode_return
        if estimate.n:
            points.append([point.trial, estimate.mean, estimate.low, estimate.high, estimate.n])
    return {"id": experiment.pk, "name": experiment.name, "points": points}


def _table(block: Block) -> Content:
    rows = [_table_row(one) for one in _experiments(block, MOST_ROWS)]
    return {"rows": rows} if rows else {"missing": "No experiment of that number."}


def _table_row(experiment: Experiment) -> Content:
    shares = success_shares(list(experiment.curve_points.all()))
    return {
        "id": experiment.pk,
        "name": experiment.name,
        "environment": experiment.environment,
        "method": experiment.method,
        "tasks": present.count(experiment.tasks_total),
        "first": present.percent(shares[0], 1) if shares else present.DASH,
        "last": present.percent(shares[-1], 1) if shares else present.DASH,
        "episodes": present.count(experiment.episodes_count),
        "tokens": present.short_count(experiment.prompt_tokens + experiment.completion_tokens),
        "status": experiment.status,
    }


def _episode(block: Block) -> Content:
    rows = Episode.objects.select_related("task", "experiment").defer("task__payload")
    episode = rows.filter(pk__in=_one(block, "episode")).first()
    if episode is None:
        return {"missing": "No episode of that number."}
    first, last = _range(block.options.get("steps", ""))
    steps = episode.steps.filter(index__gte=first - 1, index__lt=last)
    return {
        "id": episode.pk,
        "task": episode.task.key,
        "goal": present.clip(episode.task.goal, TEXT_SHOWN).text,
        "trial": episode.trial,
        "experiment_id": episode.experiment_id,
        "experiment": episode.experiment.name,
        "success": episode.success,
        "episode_return": present.decimal(episode.episode_return),
        "truncation": truncation_words(episode),
        "step_count": episode.step_count,
        "steps": [
            {
                "number": step.index + 1,
                "action": present.clip(step.action, TEXT_SHOWN).text,
                "observation": present.clip(step.observation, TEXT_SHOWN).text,
            }
            for step in steps.only("index", "action", "observation")
        ],
    }


def _reflection(block: Block) -> Content:
    rows = Reflection.objects.select_related("episode__task", "experiment").defer("prompt")
    reflection = rows.filter(pk__in=_one(block, "reflection")).first()
    if reflection is None:
        return {"missing": "No reflection of that number."}
    return {
        "id": reflection.pk,
        "text": reflection.text,
        "rating": present.signed(reflection.effective_rating),
        "rating_class": present.rating_class(reflection.effective_rating),
        "episode_id": reflection.episode_id,
        "trial": reflection.episode.trial,
        "task": reflection.episode.task.key,
        "experiment_id": reflection.experiment_id,
        "experiment": reflection.experiment.name,
    }


def _one(block: Block, name: str) -> list[int]:
    return [pk for pk in block.numbers(name, 1) if pk <= LARGEST_ID]


def _range(text: str) -> tuple[int, int]:
    """`3-7` as (3, 7), at most twelve steps; anything else the first ones."""
    parts = [part.strip() for part in text.split("-")]
    if not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        return 1, MOST_STEPS
    first, last = max(int(parts[0]), 1), int(parts[-1])
    return first, min(last, first + MOST_STEPS - 1)


DRAWINGS: dict[str, Callable[[Block], Content]] = {
    "curve": _curve,
    "experiments": _table,
    "episode": _episode,
    "reflection": _reflection,
}
