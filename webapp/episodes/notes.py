"""What people wrote on the steps of an episode: tags, and comments in the one discussion."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import F

from retro_core.errors import InvalidInput
from webapp import present
from webapp.annotation.models import Comment
from webapp.episodes.models import Step, StepTag

LONGEST_TAG = 40
TAGS_OFFERED = 40
MOST_NOTES = 2000
_NOT_IN_TAGS = re.compile(r"[^\w .:+-]+")


@dataclass(frozen=True, slots=True)
class Said:
    """A comment in words."""

    author: str
    when: present.Moment | None
    text: str


@dataclass(slots=True)
class Notes:
    """The notes of one step."""

    tags: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


def notes_of(episode_id: int, number: int | None = None) -> dict[int, Notes]:
    """By step number, from 1: the notes of an episode, or of one step, by two queries."""
    tags = StepTag.objects.filter(episode=episode_id)
    said = Comment.objects.filter(step__episode=episode_id).select_related("author")
    if number is not None:
        tags, said = tags.filter(step__index=number - 1), said.filter(step__index=number - 1)
    found: dict[int, Notes] = defaultdict(Notes)
    for index, name in tags.values_list("step__index", "name")[:MOST_NOTES]:
        found[index + 1].tags.append(name)
    for comment in said.annotate(index=F("step__index"))[:MOST_NOTES]:
        found[comment.index + 1].said.append(_said(comment))
    return dict(found)


def tag_step(step: Step, name: str, author: User) -> str:
    """Put a tag on a step; once is enough. Raises InvalidInput."""
    tag = tag_name(name)
    StepTag.objects.get_or_create(
        step=step, name=tag, defaults={"episode_id": step.episode_id, "author": author}
    )
    return tag


def tag_name(text: str) -> str:
    """Small letters, single spaces; one tag has one form. Raises InvalidInput."""
    name = " ".join(_NOT_IN_TAGS.sub(" ", text.lower()).split())
    if not 0 < len(name) <= LONGEST_TAG:
        raise InvalidInput(f"A tag has 1 to {LONGEST_TAG} letters, digits or spaces.")
    return name


def known_tags() -> list[str]:
    """Tags that are used already, to choose from."""
    names = StepTag.objects.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:TAGS_OFFERED])


def _said(comment: Comment) -> Said:
    return Said(comment.author.get_username(), present.moment(comment.created_at), comment.text)
