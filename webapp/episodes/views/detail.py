import re
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from webapp import present
from webapp.annotation.services.blindness import hide_people
from webapp.episodes import timeline
from webapp.episodes.copies import as_json, as_markdown
from webapp.episodes.look import found_numbers, look_of
from webapp.episodes.minimap import minimap
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.notes import notes_of
from webapp.experiments.models import ExperimentTask
from webapp.experiments.trial_pair import ratings_of
from webapp.render import HtmxHttpRequest, asked_partial, render_page

GOAL_SHOWN = 1500
PARTS = ("more",)


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_detail(request: HtmxHttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    look = look_of(request.GET)
    if step := re.fullmatch(r"#(\d{1,6})", look.words):
        return redirect(f"{request.path}{timeline.step_address(max(int(step[1]), 1) - 1)}")
    found, notes = found_numbers(episode.pk, look.words), notes_of(episode.pk)
    steps, more_from = timeline.step_rows(episode, look, set(found), notes)
    context: dict[str, Any] = {
        "current_section": "experiments",
        "episode": episode,
        "look": look,
        "steps": steps,
        "more_from": more_from,
        "more": look.address(**{"from": more_from}),
    }
    if not asked_partial(request, PARTS):
        context["found"] = found
        context["map"] = minimap(episode, look, set(found), notes.keys())
        _hide_people(request, episode)
        context |= _outcome(episode) | _around(episode)
    return render_page(request, "episodes/detail.html", context, partials=PARTS)


def _outcome(episode: Episode) -> dict[str, Any]:
    reflection = getattr(episode, "reflection", None)
    return {
        "goal": present.clip(episode.task.goal, GOAL_SHOWN),
        "window": timeline.STEPS_SHOWN,
        "episode_return": present.decimal(episode.episode_return),
        "truncation": timeline.truncation_words(episode),
        "reflection": reflection,
        "ratings": ratings_of(reflection) if reflection else [],
        "finished": present.moment(episode.finished_at),
        "seconds": present.duration(episode.seconds) if episode.seconds else "",
        "tokens": present.count(episode.prompt_tokens + episode.completion_tokens),
    }


def _around(episode: Episode) -> dict[str, Any]:
    """Its other trials, the tasks beside it, and what was read before it."""
    trials = _trials(episode)
    place = [pk for pk, _, _ in trials].index(episode.pk)
    tasks = _tasks_beside(episode)
    return {
        "trials": trials,
        "previous_trial": trials[place - 1][0] if place else None,
        "next_trial": trials[place + 1][0] if place + 1 < len(trials) else None,
        "previous_task": tasks.get(-1),
        "next_task": tasks.get(1),
        "shown_reflection": _reflection_before(episode),
    }


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_markdown(request: HttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    _hide_people(request, episode)
    return HttpResponse(as_markdown(episode), content_type="text/markdown; charset=utf-8")


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_json(request: HttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    return JsonResponse(as_json(episode), json_dumps_params={"ensure_ascii": False, "indent": 1})


def _hide_people(request: HttpRequest, episode: Episode) -> None:
    if reflection := getattr(episode, "reflection", None):
        hide_people(request.user, [reflection])


def _episodes() -> QuerySet[Episode]:
    return Episode.objects.select_related("experiment", "task", "reflection").defer("task__payload")


def _trials(episode: Episode) -> list[tuple[int, int, bool]]:
    """Primary key, number and success of every trial of the same task, in order."""
    same_task = Episode.objects.filter(experiment=episode.experiment_id, task=episode.task_id)
    return list(same_task.order_by("trial").values_list("pk", "trial", "success"))


def _tasks_beside(episode: Episode) -> dict[int, int]:
    """By -1 and 1: an episode of the task before and after, of the same trial if it has one."""
    rows = ExperimentTask.objects.filter(experiment=episode.experiment_id)
    here = rows.filter(task=episode.task_id).values("position")
    last_trial = Episode.objects.filter(
        experiment=episode.experiment_id, task=OuterRef("task"), trial__lte=episode.trial
    ).order_by("-trial")
    beside = rows.annotate(
        away=F("position") - Subquery(here), opens=Subquery(last_trial.values("pk")[:1])
    )
    found = beside.filter(
        position__gte=Subquery(here) - 1, position__lte=Subquery(here) + 1, opens__isnull=False
    )
    return dict(found.values_list("away", "opens"))


def _reflection_before(episode: Episode) -> Reflection | None:
    """What the trial before taught: this trial's actor saw it."""
    return (
        Reflection.objects.filter(
            experiment=episode.experiment_id,
            episode__task=episode.task_id,
            episode__trial=episode.trial - 1,
        )
        .select_related("episode")
        .first()
    )
