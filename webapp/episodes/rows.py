"""Reflections as lists show them: every value already words."""

from collections.abc import Iterable
from dataclasses import dataclass

from webapp import present
from webapp.episodes.models import Reflection

TEXT_SHOWN = 420


@dataclass(frozen=True, slots=True)
class ReflectionRow:
    """A reflection with its rating and where it comes from."""

    reflection_id: int
    episode_id: int
    experiment_id: int
    task_id: int
    task_key: str
    trial: int
    text: present.Clipped
    rating: str
    rating_class: str
    repeats_previous: bool
    written: present.Moment | None


def reflection_rows(reflections: Iterable[Reflection]) -> list[ReflectionRow]:
    """Rows for reflections whose episode and task were fetched with them."""
    return [_row(reflection) for reflection in reflections]


def _row(reflection: Reflection) -> ReflectionRow:
    value = reflection.effective_rating
    return ReflectionRow(
        reflection_id=reflection.pk,
        episode_id=reflection.episode_id,
        experiment_id=reflection.experiment_id,
        task_id=reflection.episode.task_id,
        task_key=reflection.episode.task.key,
        trial=reflection.episode.trial,
        text=present.clip(reflection.text, TEXT_SHOWN),
        rating=present.signed(value),
        rating_class=present.rating_class(value),
        repeats_previous=reflection.repeats_previous,
        written=present.moment(reflection.written_at),
    )
