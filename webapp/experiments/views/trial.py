from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp import present
from webapp.episodes.models import Episode
from webapp.episodes.timeline import truncation_words
from webapp.experiments.models import Experiment
from webapp.keyset import page_of

PAGE_SIZE = 50
OUTCOMES = {"solved": True, "unsolved": False}


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One episode of the trial."""

    pk: int
    task: str
    key: str
    success: bool
    episode_return: str
    steps: int
    truncation: str


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def trial_episodes(request: HttpRequest, experiment_id: int, trial: int) -> HttpResponse:
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    points = experiment.curve_points
    point = points.filter(trial=trial).first()
    if point is None:
        raise Http404
    outcome = request.GET.get("outcome", "")
    episodes = Episode.objects.filter(experiment=experiment, trial=trial)
    if outcome in OUTCOMES:
        episodes = episodes.filter(success=OUTCOMES[outcome])
    episodes = episodes.select_related("task").defer("task__payload")
    page = page_of(episodes, request.GET, PAGE_SIZE)
    earlier = points.filter(trial__lt=trial).aggregate(solved=Sum("solved"))["solved"] or 0
    context = {
        "current_section": "experiments",
        "experiment": experiment,
        "trial": trial,
        "point": point,
        "earlier": earlier,
        "mean_return": present.decimal(point.return_sum / max(point.attempts, 1), 3),
        "unsolved": point.attempts - point.solved,
        "outcome": outcome if outcome in OUTCOMES else "",
        "rows": [_row(episode) for episode in page.rows],
        "page": page,
        "previous": points.filter(trial=trial - 1).exists(),
        "next": points.filter(trial=trial + 1).exists(),
    }
    return render(request, "experiments/trial.html", context)


def _row(episode: Episode) -> EpisodeRow:
    return EpisodeRow(
        pk=episode.pk,
        task=episode.task.goal or episode.task.key,
        key=episode.task.key,
        success=episode.success,
        episode_return=present.decimal(episode.episode_return),
        steps=episode.step_count,
        truncation=truncation_words(episode),
    )
