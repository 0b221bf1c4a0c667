"""Rows as the API tells them."""

from typing import Any

from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import Experiment

Json = dict[str, Any]  # checked by the schema of the route


def experiment(row: Experiment) -> Json:
    """An experiment whose task set was fetched with it."""
    same = (
        *("id", "name", "environment", "method", "adapter", "source", "status", "status_message"),
        *("trials", "seed", "created_at", "finished_at", "tasks_total", "tasks_solved"),
        *("tasks_failed", "episodes_count", "steps_count", "reflections_count"),
    )
    told = {name: getattr(row, name) for name in same}
    return told | {"task_set": row.task_set.name, "actor": row.actor_model}


def episode(row: Episode) -> Json:
    """An episode whose task was fetched with it."""
    same = (
        *("id", "experiment_id", "trial", "success", "episode_return", "terminated", "truncated"),
        *("truncation_reason", "final_answer", "step_count", "finished_at"),
    )
    return {name: getattr(row, name) for name in same} | {"task_id": row.task.key}


def episode_whole(row: Episode) -> Json:
    """With steps and reflection."""
    written = getattr(row, "reflection", None)
    names = ("index", "thought", "action", "observation", "reward", "invalid")
    return episode(row) | {
        "goal": row.task.goal,
        "steps": [{name: getattr(step, name) for name in names} for step in row.steps.all()],
        "reflection": reflection(written) if written else None,
    }


def reflection(row: Reflection) -> Json:
    """A reflection whose episode and task were fetched with it."""
    return {
        "id": row.pk,
        "experiment_id": row.experiment_id,
        "episode_id": row.episode_id,
        "task_id": row.episode.task.key,
        "trial": row.episode.trial,
        "text": row.text,
        **_ratings(row),
    }


def rating(row: Reflection, responses: int) -> Json:
    """The ratings of a reflection."""
    place = {"task_id": row.episode.task.key, "trial": row.episode.trial}
    return {"reflection_id": row.pk, **place, **_ratings(row), "responses": responses}


def _ratings(row: Reflection) -> Json:
    return {
        "automatic_rating": row.automatic_rating,
        "human_rating": row.human_rating,
        "effective_rating": row.effective_rating,
    }
