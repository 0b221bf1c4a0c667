from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp import present
from webapp.episodes import timeline
from webapp.episodes.copies import as_json, as_markdown
from webapp.episodes.models import Episode, Reflection
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, render_page

GOAL_SHOWN = 1500
MOST_STEPS = 1_000_000


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_detail(request: HtmxHttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    first = min(whole_number(request.GET.get("from")) or 0, MOST_STEPS)
    steps = timeline.step_rows(episode, first)
    last = first + len(steps)
    trials = _trials(episode)
    place = [pk for pk, _, _ in trials].index(episode.pk)
    reflection = getattr(episode, "reflection", None)
    rating = reflection.effective_rating if reflection else None
    context = {
        "current_section": "experiments",
        "episode": episode,
        "goal": present.clip(episode.task.goal, GOAL_SHOWN),
        "episode_return": present.decimal(episode.episode_return),
        "truncation": timeline.truncation_words(episode),
        "steps": steps,
        "first": first,
        "window": timeline.STEPS_SHOWN,
        "more_from": last if last < episode.step_count else None,
        "minimap": timeline.minimap(episode),
        "trials": trials,
        "previous_trial": trials[place - 1][0] if place else None,
        "next_trial": trials[place + 1][0] if place + 1 < len(trials) else None,
        "reflection": reflection,
        "rating": present.signed(rating),
        "rating_class": present.rating_class(rating),
        "shown_reflection": _reflection_before(episode),
        "finished": present.moment(episode.finished_at),
        "seconds": present.duration(episode.seconds) if episode.seconds else "",
        "tokens": present.count(episode.prompt_tokens + episode.completion_tokens),
    }
    return render_page(request, "episodes/detail.html", context, partials=["more"])


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_markdown(request: HttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    return HttpResponse(as_markdown(episode), content_type="text/markdown; charset=utf-8")


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_json(request: HttpRequest, episode_id: int) -> HttpResponse:
    episode = get_object_or_404(_episodes(), pk=episode_id)
    return JsonResponse(as_json(episode), json_dumps_params={"ensure_ascii": False, "indent": 1})


def _episodes() -> QuerySet[Episode]:
    return Episode.objects.select_related("experiment", "task", "reflection").defer("task__payload")


def _trials(episode: Episode) -> list[tuple[int, int, bool]]:
    """Primary key, number and success of every trial of the same task, in order."""
    same_task = Episode.objects.filter(experiment=episode.experiment_id, task=episode.task_id)
    return list(same_task.order_by("trial").values_list("pk", "trial", "success"))


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
