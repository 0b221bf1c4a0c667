from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from retro_core.errors import InvalidInput
from retro_core.types import Message
from webapp.annotation.views.access import person_of
from webapp.episodes.models import Episode, Step, StepTag
from webapp.episodes.notes import Notes, known_tags, notes_of, tag_step
from webapp.episodes.records import prompts_of_step
from webapp.episodes.timeline import step_address
from webapp.render import HtmxHttpRequest, asked_partial, render_page

PARTS = ("sent", "text", "notes")


@dataclass(frozen=True, slots=True)
class SentPrompt:
    """The prompt of a step rebuilt from the record, and whether its digest agrees."""

    messages: list[Message]
    calls: int
    problem: str = ""


@require_GET
@permission_required("episodes.view_step", raise_exception=True)
def step_detail(request: HtmxHttpRequest, episode_id: int, number: int) -> HttpResponse:
    """Everything of one step: whole texts, the raw reply, the prompt sent, and people's notes."""
    step = _step_or_404(episode_id, number)
    part = asked_partial(request, PARTS)
    notes = notes_of(episode_id, number).get(number, Notes()) if part in ("", "notes") else None
    context = {
        "current_section": "experiments",
        "step": step,
        "number": number,
        "episode": step.episode,
        "sent": _sent(step) if part in ("", "sent") else None,
        "notes": notes,
        "known_tags": known_tags() if notes else [],
        "back": _in_episode(step),
    }
    return render_page(request, "episodes/step.html", context, partials=PARTS)


@require_POST
@permission_required("episodes.add_steptag", raise_exception=True)
def step_tag(request: HttpRequest, episode_id: int, number: int) -> HttpResponse:
    step = _step_or_404(episode_id, number)
    try:
        tag_step(step, request.POST.get("name", ""), person_of(request))
    except InvalidInput as error:
        messages.error(request, str(error))
    return redirect(_in_episode(step))


@require_POST
@permission_required("episodes.delete_steptag", raise_exception=True)
def step_untag(request: HttpRequest, episode_id: int, number: int) -> HttpResponse:
    step = _step_or_404(episode_id, number)
    StepTag.objects.filter(step=step, name=request.POST.get("name", "").replace("\0", "")).delete()
    return redirect(_in_episode(step))


def _step_or_404(episode_id: int, number: int) -> Step:
    steps = Step.objects.select_related("episode__experiment", "episode__task")
    return get_object_or_404(steps, episode=episode_id, index=number - 1)


def _in_episode(step: Step) -> str:
    return reverse("episodes:detail", args=[step.episode_id]) + step_address(step.index)


def _sent(step: Step) -> SentPrompt | None:
    """None where the prompt was not recorded."""
    if not step.prompt_sha256:
        return None
    episode = Episode.objects.select_related("task", "head").get(pk=step.episode_id)
    try:
        calls = prompts_of_step(episode, step.index)
    except InvalidInput as error:
        return SentPrompt([], 0, str(error))
    return SentPrompt(calls[-1], len(calls))
