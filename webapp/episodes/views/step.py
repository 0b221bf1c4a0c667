from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from retro_core.errors import InvalidInput
from retro_core.types import Message
from webapp.episodes.models import Episode, Step
from webapp.episodes.records import prompts_of_step
from webapp.render import HtmxHttpRequest, render_page


@dataclass(frozen=True, slots=True)
class SentPrompt:
    """The prompt of a step rebuilt from the record, and whether its digest agrees."""

    messages: list[Message]
    calls: int
    problem: str = ""


@require_GET
@permission_required("episodes.view_step", raise_exception=True)
def step_detail(request: HtmxHttpRequest, episode_id: int, number: int) -> HttpResponse:
    """Everything of one step: whole texts, the raw reply and the prompt that was sent."""
    steps = Step.objects.select_related("episode__experiment", "episode__task")
    step = get_object_or_404(steps, episode=episode_id, index=number - 1)
    context = {
        "current_section": "experiments",
        "step": step,
        "number": number,
        "episode": step.episode,
        "sent": _sent(step),
    }
    return render_page(request, "episodes/step.html", context, partials=["sent", "text"])


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
