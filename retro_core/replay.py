"""The replay buffer: reflections with ratings, apart by task and paired by prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from retro_core.seeds import derived_seed
from retro_core.types import RatedReflection


@dataclass(frozen=True, slots=True)
class Preference:
    """Two reflections to one task: `margin` is how much higher the chosen one is rated."""

    prompt: str
    chosen: str
    rejected: str
    margin: float


def split_by_task(
    items: Sequence[RatedReflection], *, held_share: float, seed: int
) -> tuple[list[RatedReflection], list[RatedReflection]]:
    """Training and held-out items with no task in both.

    Items of one task are too alike to stand on both sides. The split of a task depends on its
    environment, its id and the seed alone, so that it stays when the buffer grows.
    """
    tasks = {(item.environment, item.task_id) for item in items}
    held = {task for task in tasks if derived_seed(seed, *task) < held_share * 2**31}
    training = [item for item in items if (item.environment, item.task_id) not in held]
    return training, [item for item in items if (item.environment, item.task_id) in held]


def preferences(items: Sequence[RatedReflection]) -> list[Preference]:
    """Every pair of differently rated reflections to the same prompt, higher rated one chosen."""
    by_prompt: dict[tuple[str, str], list[RatedReflection]] = {}
    for item in items:
        by_prompt.setdefault((item.environment, item.prompt), []).append(item)
    return [
        Preference(better.prompt, better.text, worse.text, better.rating - worse.rating)
        for group in by_prompt.values()
        for better in group
        for worse in group
        if better.rating > worse.rating
    ]
