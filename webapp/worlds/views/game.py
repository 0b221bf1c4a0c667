from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from retro_core.envs.base import registered
from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from webapp import present
from webapp.experiments.models import ExperimentTask
from webapp.experiments.services import config_of
from webapp.render import HtmxHttpRequest, render_page
from webapp.worlds import page
from webapp.worlds.forms import ActionForm, ReflectionForm
from webapp.worlds.models import HandTrial
from webapp.worlds.services import hand_play

ANSWERED = (InvalidInput, EndpointUnavailable, EndpointRefused)


@require_GET
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_trial(request: HtmxHttpRequest, trial_id: int) -> HttpResponse:
    return _game(request, _own(request, trial_id))


@require_GET
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_prompt(request: HtmxHttpRequest, trial_id: int) -> HttpResponse:
    mine = _own(request, trial_id)
    try:
        prompt = hand_play.standing(mine).prompt
    except ANSWERED as error:
        messages.error(request, str(error))
        return redirect("worlds:trial", mine.pk)
    context = {"current_section": "worlds", "mine": mine, "prompt": prompt}
    return render_page(request, "worlds/prompt.html", context, partials=["prompt"])


@require_POST
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_act(request: HtmxHttpRequest, trial_id: int) -> HttpResponse:
    mine = _own(request, trial_id)
    form = ActionForm(request.POST)
    if not form.is_valid():
        return _game(request, mine, form=form, status=422)
    sent = form.cleaned_data
    try:
        taken = hand_play.act(
            mine.pk, index=sent["index"], thought=sent["thought"], action=sent["action"]
        )
    except ANSWERED as error:
        form.add_error("action", f"Nothing was played: {error}")
        return _game(request, mine, form=form, status=422)
    if not taken:
        form.add_error("action", "That step was taken before, perhaps in another window.")
    return _after(request, mine, form)


@require_POST
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_give_up(request: HtmxHttpRequest, trial_id: int) -> HttpResponse:
    mine = _own(request, trial_id)
    try:
        hand_play.give_up(mine.pk)
    except ANSWERED as error:
        messages.error(request, str(error))
    return redirect("worlds:trial", mine.pk)


@require_POST
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_next(request: HtmxHttpRequest, trial_id: int) -> HttpResponse:
    """Keep the reflection, and begin the next trial where that was asked."""
    mine = _own(request, trial_id)
    form = ReflectionForm(request.POST)
    if mine.episode is None or mine.episode.success or not form.is_valid():
        return _game(request, mine, reflection_form=form, status=422)
    text = form.cleaned_data["reflection"].strip()
    try:
        if text and not hand_play.reflect(mine, text):
            messages.warning(request, "This trial had its reflection already; that one stays.")
    except InvalidInput as error:
        form.add_error("reflection", str(error))
        return _game(request, mine, reflection_form=form, status=409)
    if "again" not in request.POST:
        return redirect("worlds:trial", mine.pk)
    try:
        experiment = mine.row.experiment
        begun = hand_play.begin(mine.person, experiment.task_set, mine.row.task_id)
    except ANSWERED as error:
        messages.error(request, str(error))
        return redirect("worlds:trial", mine.pk)
    return redirect("worlds:trial", begun.pk)


def _own(request: HttpRequest, trial_id: int) -> HandTrial:
    """A trial of the person who asks; those of others do not exist for them."""
    rows = HandTrial.objects.select_related(
        "person", "episode", "row__experiment__task_set", "row__task"
    )
    return get_object_or_404(rows, pk=trial_id, person=request.user)


def _after(request: HtmxHttpRequest, mine: HandTrial, form: ActionForm) -> HttpResponse:
    """The game as it stands now: as a part for htmx, else by a redirect."""
    mine = _own(request, mine.pk)
    if form.errors:
        return _game(request, mine, form=form, status=409)
    return _game(request, mine) if request.htmx else redirect("worlds:trial", mine.pk)


def _game(
    request: HtmxHttpRequest,
    mine: HandTrial,
    *,
    form: ActionForm | None = None,
    reflection_form: ReflectionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _about(mine) | {
        "form": form or ActionForm(),
        "reflection_form": reflection_form or ReflectionForm(),
    }
    try:
        context |= _standing(mine)
    except ANSWERED as error:
        context["trouble"] = str(error)
    return render_page(request, "worlds/game.html", context, partials=["game"], status=status)


def _about(mine: HandTrial) -> dict[str, Any]:
    experiment = mine.row.experiment
    return {
        "current_section": "worlds",
        "mine": mine,
        "task": mine.row.task,
        "experiment": experiment,
        "spec": registered().get(experiment.environment),
        "most_steps": config_of(experiment).episode.max_steps,
        "reflections": experiment.reflections.filter(
            episode__task=mine.row.task_id, episode__trial__lt=mine.trial
        ).order_by("episode__trial"),
    }


def _standing(mine: HandTrial) -> dict[str, Any]:
    now = hand_play.standing(mine)
    context: dict[str, Any] = {
        "opening": now.head[-1].content if now.head else "",
        "turns": page.turns(now.steps),
        "index": len(now.steps),
        "admissible": now.admissible,
    }
    if mine.episode is not None:
        row = ExperimentTask.objects.get(pk=mine.row_id)
        context |= {
            "episode": mine.episode,
            "episode_return": present.decimal(mine.episode.episode_return),
            "truncation": mine.episode.get_truncation_reason_display()
            if mine.episode.truncated
            else "",
            "written": getattr(mine.episode, "reflection", None),
            "can_play_again": row.state == ExperimentTask.State.OPEN,
            "next_trial": mine.row.hand_trials.filter(trial=mine.trial + 1).first(),
        }
    return context
