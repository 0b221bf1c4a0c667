"""An episode as text to copy: Markdown for people, JSON for programs."""

from typing import Any

from webapp import present
from webapp.episodes.models import Episode, Step


def as_markdown(episode: Episode) -> str:
    """The whole trajectory with its outcome and reflection."""
    outcome = "solved" if episode.success else "not solved"
    lines = [
        f"# {episode.task.key}, trial {episode.trial}",
        "",
        f"Experiment: {episode.experiment.name}",
        f"Outcome: {outcome}, return {present.decimal(episode.episode_return)},"
        f" {episode.step_count} steps",
        "",
        f"Goal: {episode.task.goal}" if episode.task.goal else "",
    ]
    for step in episode.steps.all():
        lines += _markdown_step(step)
    if reflection := getattr(episode, "reflection", None):
        rating = present.signed(reflection.effective_rating)
        lines += ["", f"## Reflection (rating {rating})", "", reflection.text]
    return "\n".join(lines) + "\n"


def as_json(episode: Episode) -> dict[str, Any]:
    """The same in the format that the import takes."""
    copied: dict[str, Any] = {
        "experiment": episode.experiment.name,
        "environment": episode.experiment.environment,
        "method": episode.experiment.method,
        "actor": episode.experiment.actor_model,
        "task_id": episode.task.key,
        "goal": episode.task.goal,
        "trial": episode.trial,
        "steps": [_json_step(step) for step in episode.steps.all()],
        "success": episode.success,
        "episode_return": episode.episode_return,
        "truncated": episode.truncated,
        "final_answer": episode.final_answer,
    }
    if reflection := getattr(episode, "reflection", None):
        copied["reflection"] = reflection.text
    return copied


def _markdown_step(step: Step) -> list[str]:
    thought = [f"Thought: {step.thought}", ""] if step.thought else []
    return [
        "",
        f"## Step {step.index + 1}",
        "",
        *thought,
        f"Action: `{step.action}`",
        "",
        step.observation,
    ]


def _json_step(step: Step) -> dict[str, Any]:
    return {
        "thought": step.thought,
        "action": step.action,
        "observation": step.observation,
        "reward": step.reward,
    }
