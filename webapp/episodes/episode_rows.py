"""Episodes as a list shows them: every value already words."""

from collections.abc import Iterable
from dataclasses import dataclass

from webapp import present
from webapp.episodes.models import Episode

NAME_SHOWN = 90


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One line of the list."""

    pk: int
    name: str
    key: str
    experiment_id: int
    experiment: str
    method: str
    trial: int
    solved: bool
    episode_return: str
    steps: str
    flags: list[str]
    finished: present.Moment | None


def episode_rows(episodes: Iterable[Episode]) -> list[EpisodeRow]:
    """Rows for episodes whose task and experiment were fetched with them."""
    return [_row(episode) for episode in episodes]


def _row(episode: Episode) -> EpisodeRow:
    task = episode.task
    return EpisodeRow(
        pk=episode.pk,
        name=present.clip(task.goal, NAME_SHOWN).text or task.key,
        key=task.key,
        experiment_id=episode.experiment_id,
        experiment=episode.experiment.name,
        method=episode.experiment.method,
        trial=episode.trial,
        solved=episode.success,
        episode_return=present.decimal(episode.episode_return),
        steps=present.count(episode.step_count),
        flags=list(_flags(episode)),
        finished=present.moment(episode.finished_at),
    )


def _flags(episode: Episode) -> Iterable[str]:
    """What went wrong, in a few words each."""
    if episode.truncated:
        yield str(episode.get_truncation_reason_display())
    if episode.invalid_count:
        yield f"{episode.invalid_count} without effect"
    if episode.repeated_count:
        yield f"{episode.repeated_count} repeated"
    if episode.looped_count:
        yield f"loop of {episode.looped_count} steps"
    if episode.dropped_count:
        yield "observations left out"
    if episode.reflection_repeats:
        yield "reflection repeats"
