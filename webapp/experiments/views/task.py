from itertools import pairwise
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp import present
from webapp.annotation.services.blindness import hide_people
from webapp.episodes.models import Episode, Step
from webapp.episodes.timeline import both_ends, short_rows
from webapp.experiments.models import ExperimentTask
from webapp.experiments.task_page import TrialStop, elsewhere, trial_stops
from webapp.experiments.trial_pair import changed_words, ratings_of, trial_pair
from webapp.keyset import whole_number

GOAL_SHOWN = 1500
HEADLINE = 140


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def task_in_experiment(request: HttpRequest, experiment_id: int, task_id: int) -> HttpResponse:
    rows = ExperimentTask.objects.select_related("experiment", "task").defer("task__payload")
    row = get_object_or_404(rows, experiment=experiment_id, task=task_id)
    goal = row.task.goal
    trials = _trials(row)
    hide_people(request.user, [e.reflection for e in trials if hasattr(e, "reflection")])
    beside = [row.position - 1, row.position + 1]
    neighbours = ExperimentTask.objects.filter(experiment=experiment_id, position__in=beside)
    by_position = {neighbour.position: neighbour for neighbour in neighbours}
    context = {
        "current_section": "experiments",
        "row": row,
        "experiment": row.experiment,
        "task": row.task,
        "headline": goal if 0 < len(goal) <= HEADLINE else row.task.key,
        "goal": present.clip(goal, GOAL_SHOWN),
        "trials": trials,
        "previous_task": by_position.get(row.position - 1),
        "next_task": by_position.get(row.position + 1),
        "place": f"{row.position + 1} of {row.experiment.tasks_total:,}",
        "elsewhere": elsewhere(row),
        **_compared(trials, request.GET),
        **_reflections(trials, request.GET),
    }
    return render(request, "experiments/task.html", context)


def _trials(row: ExperimentTask) -> list[Episode]:
    played = Episode.objects.filter(experiment=row.experiment_id, task=row.task_id)
    return list(played.select_related("reflection").defer("reflection__prompt").order_by("trial"))


def _compared(trials: list[Episode], query: QueryDict) -> dict[str, Any]:
    """The pair that the address asks for, or the only trial."""
    if len(trials) < 2:
        return {"alone": _alone(trials[0])} if trials else {}
    by_number = {episode.trial: episode for episode in trials}
    before, after = _chosen(query, "from", "to", list(by_number), _first_look(trials))
    stops = trial_stops(trials, before, after)
    place = next((n for n, stop in enumerate(stops) if stop.is_chosen), None)
    return {
        "pair": trial_pair(by_number[before], by_number[after], trials),
        "stops": stops,
        "previous_pair": _stop(stops, place, -1),
        "next_pair": _stop(stops, place, 1),
    }


def _first_look(trials: list[Episode]) -> tuple[int, int]:
    """The trial that solved the task and the one before it, else the first two."""
    for earlier, later in pairwise(trials):
        if later.success:
            return earlier.trial, later.trial
    return trials[0].trial, trials[1].trial


def _chosen(
    query: QueryDict, low: str, high: str, known: list[int], otherwise: tuple[int, int]
) -> tuple[int, int]:
    """Two different known numbers, the smaller first."""
    chosen = {whole_number(query.get(low)), whole_number(query.get(high))}
    found = sorted(number for number in chosen if number in known and number is not None)
    return (found[0], found[1]) if len(found) == 2 else otherwise


def _stop(stops: list[TrialStop], place: int | None, by: int) -> TrialStop | None:
    """The pair before or after the chosen one; a pair is at the stop of its later trial."""
    if place is None or not 0 < place + by < len(stops):
        return None
    return stops[place + by]


def _alone(episode: Episode) -> dict[str, Any]:
    steps = short_rows(Step.objects.filter(episode=episode)).get(episode.pk, [])
    first, between, last = both_ends(steps)
    reflection = getattr(episode, "reflection", None)
    return {
        "episode": episode,
        "episode_return": present.decimal(episode.episode_return),
        "first_steps": first,
        "between": between,
        "last_steps": last,
        "reflection": reflection,
        "ratings": ratings_of(reflection) if reflection else [],
    }


def _reflections(trials: list[Episode], query: QueryDict) -> dict[str, Any]:
    """Two reflections word by word, where there are two."""
    written = {
        episode.trial: episode.reflection
        for episode in trials
        if getattr(episode, "reflection", None)
    }
    if len(written) < 2:
        return {}
    numbers = list(written)
    low, high = _chosen(query, "old", "new", numbers, (numbers[-2], numbers[-1]))
    return {
        "written": numbers,
        "old": low,
        "new": high,
        "words": changed_words(written[low], written[high]),
    }
