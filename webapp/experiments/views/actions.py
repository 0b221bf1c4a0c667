from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from webapp.experiments import services
from webapp.experiments.models import Experiment

ACTIONS = {
    "start": services.start,
    "pause": services.pause,
    "resume": services.resume,
    "cancel": services.cancel,
    "retry": services.retry_failed_tasks,
}


@require_POST
@permission_required("experiments.run_experiment", raise_exception=True)
def experiment_act(request: HttpRequest, experiment_id: int, action: str) -> HttpResponse:
    if action not in ACTIONS:
        raise Http404
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    if not ACTIONS[action](experiment.pk):
        experiment.refresh_from_db()
        messages.warning(
            request, f"Nothing changed: {action} does not apply while it is {experiment.status}."
        )
    return redirect("experiments:detail", experiment.pk)
