"""Discussions of reflections, steps and experiments; who is mentioned is told."""

import re

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from webapp.annotation.models import Comment
from webapp.episodes.models import Reflection, Step
from webapp.episodes.timeline import step_address
from webapp.experiments.models import Experiment
from webapp.notifications.services import notify

Target = Reflection | Step | Experiment
TARGETS: dict[str, type[Target]] = {
    "reflection": Reflection,
    "step": Step,
    "experiment": Experiment,
}
MOST_CHARACTERS = 4000
MENTION = re.compile(r"(?<![\w.@+-])@([\w.@+-]+)")
READ = "experiments.view_experiment"


@transaction.atomic
def add(target: Target, author: User, text: str) -> Comment:
    """Store a comment; tell those it mentions, and those who took part in the discussion."""
    mentioned = people_in(text)
    earlier = User.objects.filter(comment__in=of(target), is_active=True)
    taking_part = {person.pk: person for person in earlier}
    comment = Comment.objects.create(
        author=author,
        text=text.replace("\0", ""),
        mentions=[person.get_username() for person in mentioned],
        **{kind_of(target): target},
    )
    where, address = place_of(target), address_of(target)
    notify(mentioned, f"{author} mentioned you on {where}", address, actor=author)
    others = taking_part.keys() - {person.pk for person in mentioned}
    rest = [taking_part[pk] for pk in sorted(others)]
    notify(rest, f"{author} commented on {where} after you", address, actor=author)
    return comment


def people_in(text: str) -> list[User]:
    """The people whose @name stands in a text and who may read it; a full stop ends a name."""
    found = MENTION.findall(text)
    names = {name for word in found for name in (word, word.rstrip(".+-@"))}
    people = User.objects.filter(username__in=names, is_active=True).order_by("pk")
    return [person for person in people if person.has_perm(READ)]


def of(target: Target) -> "QuerySet[Comment]":
    """The discussion of one thing, oldest first, with the authors."""
    return Comment.objects.filter(**{kind_of(target): target.pk}).select_related("author")


def kind_of(target: Target) -> str:
    """The name of the thing in addresses and columns."""
    return next(kind for kind, model in TARGETS.items() if isinstance(target, model))


def address_of(target: Target) -> str:
    """The page on which the discussion stands; of a step, its very place in the episode."""
    if isinstance(target, Reflection):
        return reverse("annotation:history", args=[target.pk])
    if isinstance(target, Step):
        return reverse("episodes:detail", args=[target.episode_id]) + step_address(target.index)
    return reverse("annotation:discussion", args=[kind_of(target), target.pk])


def place_of(target: Target) -> str:
    """The thing in a few words."""
    if isinstance(target, Experiment):
        return f"the experiment {target.name}"
    episode = target.episode
    trial = f"{episode.task.key[:80]}, trial {episode.trial}"
    if isinstance(target, Step):
        return f"step {target.index + 1} of {trial}"
    return f"the reflection on {trial}"
