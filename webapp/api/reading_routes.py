"""Routes that read: experiments, curves, episodes, reflections, ratings."""

from typing import Any, TypeVar

from django.db.models import Count, Model, Q, QuerySet
from django.shortcuts import get_object_or_404
from ninja import Query

from webapp.annotation.models import Response
from webapp.annotation.services.blindness import hide_people
from webapp.api import schemas, shows
from webapp.api.auth import READ, TokenRequest, owner_of
from webapp.api.router import router
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.curves import curve_as_json
from webapp.experiments.models import Experiment

RowT = TypeVar("RowT", bound=Model)
Json = dict[str, Any]  # checked by the schema of the route


@router.get("/experiments", auth=READ, tags=["reading"], response=schemas.ExperimentPage)
def list_experiments(
    request: TokenRequest,
    page: Query[schemas.PageIn],
    name: str = "",
) -> Json:
    """Experiments in the order of their making; `name` asks for exactly one."""
    rows = Experiment.objects.unarchived().select_related("task_set")
    if name:
        rows = rows.filter(name=name.replace("\x00", ""))
    found, last = _cut(rows, page)
    return {"items": [shows.experiment(row) for row in found], "after": last}


@router.get(
    "/experiments/{int:experiment_id}", auth=READ, tags=["reading"], response=schemas.ExperimentOut
)
def read_experiment(request: TokenRequest, experiment_id: int) -> Json:
    """One experiment."""
    rows = Experiment.objects.select_related("task_set")
    return shows.experiment(get_object_or_404(rows, pk=experiment_id))


@router.get(
    "/experiments/{int:experiment_id}/curve", auth=READ, tags=["reading"], response=schemas.CurveOut
)
def read_curve(request: TokenRequest, experiment_id: int) -> Json:
    """Success by trial and mean return, each with its interval."""
    return curve_as_json(get_object_or_404(Experiment, pk=experiment_id))


@router.get(
    "/experiments/{int:experiment_id}/episodes",
    auth=READ,
    tags=["reading"],
    response=schemas.EpisodePage,
)
def list_episodes(
    request: TokenRequest,
    experiment_id: int,
    page: Query[schemas.PageIn],
) -> Json:
    """Episodes without their steps, in the order in which they were recorded."""
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    rows = experiment.episodes.select_related("task").defer("task__payload")
    found, last = _cut(rows, page)
    return {"items": [shows.episode(row) for row in found], "after": last}


@router.get(
    "/episodes/{int:episode_id}", auth=READ, tags=["reading"], response=schemas.EpisodeWhole
)
def read_episode(request: TokenRequest, episode_id: int) -> Json:
    """One episode with its steps and the reflection after it."""
    rows = Episode.objects.select_related("task", "reflection").prefetch_related("steps")
    episode = get_object_or_404(rows, pk=episode_id)
    if hasattr(episode, "reflection"):
        hide_people(owner_of(request.auth), [episode.reflection])
    return shows.episode_whole(episode)


@router.get(
    "/experiments/{int:experiment_id}/reflections",
    auth=READ,
    tags=["reading"],
    response=schemas.ReflectionPage,
)
def list_reflections(
    request: TokenRequest,
    experiment_id: int,
    page: Query[schemas.PageIn],
) -> Json:
    """Reflections with their ratings."""
    found, last = _cut(_reflections(experiment_id), page)
    hide_people(owner_of(request.auth), found)
    return {"items": [shows.reflection(row) for row in found], "after": last}


@router.get(
    "/experiments/{int:experiment_id}/ratings",
    auth=READ,
    tags=["reading"],
    response=schemas.RatingPage,
)
def list_ratings(
    request: TokenRequest,
    experiment_id: int,
    page: Query[schemas.PageIn],
) -> Json:
    """The automatic, human and effective rating of each reflection, without the text."""
    found, last = _cut(_reflections(experiment_id).defer("text", "prompt"), page)
    hide_people(owner_of(request.auth), found)
    current = Response.objects.current().filter(reflection__in=[row.pk for row in found])
    counted = current.values_list("reflection").annotate(number=Count("pk", filter=Q()))
    answers = dict(counted.order_by())
    items = [shows.rating(row, answers.get(row.pk, 0)) for row in found]
    return {"items": items, "after": last}


def _reflections(experiment_id: int) -> "QuerySet[Reflection]":
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    return experiment.reflections.select_related("episode__task").defer("episode__task__payload")


def _cut(rows: "QuerySet[RowT]", page: schemas.PageIn) -> tuple[list[RowT], int | None]:
    """The page after an id, and the id to go on from."""
    size = page.limit
    found = list(rows.filter(pk__gt=page.after).order_by("pk")[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None
