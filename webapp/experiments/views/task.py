from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp import present
from webapp.episodes.models import Episode, Step
from webapp.episodes.timeline import StepRow, both_ends, short_rows, truncation_words
from webapp.experiments.models import ExperimentTask

GOAL_SHOWN = 1500
HEADLINE = 140


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial on the task page, with the reflection that followed it."""

    episode: Episode
    episode_return: str
    truncation: str
    finished: present.Moment | None
    first_steps: list[StepRow]
    between: int
    last_steps: list[StepRow]
    reflection: str
    rating: str
    rating_class: str
    repeats: bool


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def task_in_experiment(request: HttpRequest, experiment_id: int, task_id: int) -> HttpResponse:
    rows = ExperimentTask.objects.select_related("experiment", "task").defer("task__payload")
    row = get_object_or_404(rows, experiment=experiment_id, task=task_id)
    goal = row.task.goal
    neighbours = ExperimentTask.objects.filter(experiment=experiment_id)
    context = {
        "current_section": "experiments",
        "row": row,
        "experiment": row.experiment,
        "task": row.task,
        "headline": goal if 0 < len(goal) <= HEADLINE else row.task.key,
        "goal": present.clip(goal, GOAL_SHOWN),
        "trials": _trial_rows(row),
        "previous_task": neighbours.filter(position=row.position - 1).first(),
        "next_task": neighbours.filter(position=row.position + 1).first(),
        "place": f"{row.position + 1} of {row.experiment.tasks_total:,}",
    }
    return render(request, "experiments/task.html", context)


def _trial_rows(row: ExperimentTask) -> list[TrialRow]:
    episodes = list(
        Episode.objects.filter(experiment=row.experiment_id, task=row.task_id)
        .select_related("reflection")
        .defer("reflection__prompt")
        .order_by("trial")
    )
    steps = short_rows(Step.objects.filter(episode__in=[episode.pk for episode in episodes]))
    return [_trial_row(episode, steps.get(episode.pk, [])) for episode in episodes]


def _trial_row(episode: Episode, steps: list[StepRow]) -> TrialRow:
    reflection = getattr(episode, "reflection", None)
    rating = reflection.effective_rating if reflection else None
    first, between, last = both_ends(steps)
    return TrialRow(
        episode=episode,
        episode_return=present.decimal(episode.episode_return),
        truncation=truncation_words(episode),
        finished=present.moment(episode.finished_at),
        first_steps=first,
        between=between,
        last_steps=last,
        reflection=reflection.text if reflection else "",
        rating=present.signed(rating),
        rating_class=present.rating_class(rating),
        repeats=reflection.repeats_previous if reflection else False,
    )
