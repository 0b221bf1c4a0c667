"""What was found as the page shows it: every value already words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.urls import reverse
from django.utils.safestring import SafeString

from webapp import present
from webapp.annotation.models import Comment
from webapp.annotation.services.blindness import hide_people
from webapp.episodes.models import Episode, Reflection, Step
from webapp.episodes.timeline import step_address
from webapp.search.excerpts import excerpt, marked
from webapp.search.scopes import COMMENTS, REFLECTIONS, Scope

Person = User | AnonymousUser
LONGEST_READ = 20_000
ACTION_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Found:
    """One match with where it stands."""

    address: str
    place: str
    experiment_id: int | None
    experiment: str
    task: str
    outcome: str
    environment: str
    lines: list[tuple[str, SafeString]]
    when: present.Moment | None


def found_rows(
    scope: Scope, ids: Sequence[int], pattern: re.Pattern[str], person: Person
) -> list[Found]:
    """The rows of these ids, in their order, as the person may see them."""
    made = {REFLECTIONS: _reflections, COMMENTS: _comments}.get(scope.table, _steps)
    rows = made(ids, pattern, person)
    return [rows[pk] for pk in ids if pk in rows]


def _steps(ids: Sequence[int], pattern: re.Pattern[str], _: Person) -> dict[int, Found]:
    rows = _with_episode(Step.objects.filter(pk__in=ids)).annotate(
        cut_thought=Left("thought", LONGEST_READ),
        cut_action=Left("action", LONGEST_READ),
        cut_observation=Left("observation", LONGEST_READ),
    )
    return {step.pk: _step(step, pattern) for step in rows.only("index", *EPISODE_COLUMNS)}


def _step(step: Step, pattern: re.Pattern[str]) -> Found:
    thought, action = step.cut_thought, step.cut_action  # type: ignore[attr-defined]
    observation = step.cut_observation  # type: ignore[attr-defined]
    lines = [("action", marked(action[:ACTION_SHOWN], pattern))]
    for name, text in (("thought", thought), ("observation", observation)):
        if pattern.search(text):
            lines.append((name, excerpt(text, pattern)))
    if len(lines) == 1 and observation:
        lines.append(("observation", excerpt(observation, pattern)))
    number = step.index + 1
    address = _episode_address(step.episode) + step_address(step.index)
    return _found(step.episode, address, f"step {number}", lines)


def _reflections(ids: Sequence[int], pattern: re.Pattern[str], person: Person) -> dict[int, Found]:
    rows = _with_episode(Reflection.objects.filter(pk__in=ids)).annotate(
        cut_text=Left("text", LONGEST_READ)
    )
    ratings = ("effective_rating", "automatic_rating", "human_rating")
    shown = list(rows.only(*ratings, *EPISODE_COLUMNS))
    hide_people(person, shown)
    found = {}
    for row in shown:
        rating = present.signed(row.effective_rating)
        lines = [("reflection", excerpt(row.cut_text, pattern))]
        address = f"{_episode_address(row.episode)}#reflection"
        found[row.pk] = _found(row.episode, address, f"reflection, rating {rating}", lines)
    return found


def _comments(ids: Sequence[int], pattern: re.Pattern[str], _: Person) -> dict[int, Found]:
    rows = Comment.objects.filter(pk__in=ids).select_related(
        "author",
        "experiment",
        "step__episode__experiment",
        "step__episode__task",
        "reflection__episode__experiment",
        "reflection__episode__task",
    )
    return {row.pk: _comment(row, pattern) for row in rows}


def _comment(row: Comment, pattern: re.Pattern[str]) -> Found:
    lines = [("comment", excerpt(row.text[:LONGEST_READ], pattern))]
    place = f"comment by {row.author.get_username()}"
    if row.step:
        number = row.step.index + 1
        address = _episode_address(row.step.episode) + step_address(row.step.index)
        return _found(row.step.episode, address, f"{place} on step {number}", lines)
    if row.reflection:
        address = reverse("annotation:history", args=[row.reflection_id])
        return _found(row.reflection.episode, address, f"{place} on the reflection", lines)
    address = reverse("experiments:detail", args=[row.experiment_id])
    name = row.experiment.name if row.experiment else ""
    when = present.moment(row.created_at)
    return Found(address, place, row.experiment_id, name, "", "", "", lines, when)


EPISODE_COLUMNS = [
    "episode__trial",
    "episode__success",
    "episode__finished_at",
    "episode__task__key",
    "episode__experiment__name",
    "episode__experiment__environment",
]


def _with_episode(rows: QuerySet[Step] | QuerySet[Reflection]) -> QuerySet:  # type: ignore[type-arg]
    return rows.select_related("episode__task", "episode__experiment")


def _episode_address(episode: Episode) -> str:
    return reverse("episodes:detail", args=[episode.pk])


def _found(
    episode: Episode, address: str, place: str, lines: list[tuple[str, SafeString]]
) -> Found:
    return Found(
        address=address,
        place=f"trial {episode.trial}, {place}",
        experiment_id=episode.experiment_id,
        experiment=episode.experiment.name,
        task=episode.task.key,
        outcome="solved" if episode.success else "unsolved",
        environment=episode.experiment.environment,
        lines=lines,
        when=present.moment(episode.finished_at),
    )
