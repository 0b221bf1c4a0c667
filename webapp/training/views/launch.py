from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from retro_core.errors import InvalidInput
from retro_core.training.presets import PRESETS
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, render_page
from webapp.training import page as words
from webapp.training.forms.launch import STAGES, LaunchForm, PipelineForm, preset_values
from webapp.training.models import TrainingRun
from webapp.training.services.dry_runs import preview
from webapp.training.services.specs import DEFAULT_PRESET, preset_spec


@require_http_methods(["GET", "POST"])
@permission_required("training.train", raise_exception=True)
def run_new(request: HtmxHttpRequest) -> HttpResponse:
    stage, preset = _chosen(request)
    sent = request.POST if request.method == "POST" else None
    form = LaunchForm(stage, preset, sent, initial=_initial(request, stage, preset))
    context: dict[str, Any] = {}
    if form.is_valid():
        if "dry_run" in request.POST:
            context = _dry_run(form)
        else:
            assert isinstance(request.user, User)
            run = form.save(request.user)
            if run is not None:
                return redirect("training:detail", run.pk)
    context |= {
        "current_section": "training",
        "form": form,
        "stage": stage,
        "preset": preset,
        "stages": {
            name: {"title": TrainingRun.Stage(name).label, "about": about}
            for name, about in STAGES.items()
        },
        "presets": list(PRESETS),
        "asked_dry_run": "dry_run" in request.POST,
    }
    refused = form.is_bound and bool(form.errors)
    # htmx shows the answer to a dry run whether it could be made or not.
    status = 422 if refused and not request.htmx else 200
    return render_page(request, "training/new.html", context, partials=["dry-run"], status=status)


def _chosen(request: HttpRequest) -> tuple[str, str]:
    """Stage and preset of the address, the usual ones for words that mean nothing."""
    stage = request.GET.get("stage", "")
    preset = request.GET.get("preset", "")
    return (
        stage if stage in STAGES else "sft",
        preset if preset in PRESETS else DEFAULT_PRESET,
    )


def _initial(request: HttpRequest, stage: str, preset: str) -> dict[str, Any]:
    values = preset_values(preset_spec(stage, preset))  # type: ignore[arg-type]  # checked above
    return values | {
        "snapshot": whole_number(request.GET.get("snapshot")),
        "parent": whole_number(request.GET.get("parent")),
    }


def _dry_run(form: LaunchForm) -> dict[str, Any]:
    try:
        with form.snapshot_to_learn(None, keep=False) as snapshot:
            return words.preview_context(preview(form.spec(), snapshot))
    except InvalidInput as error:
        form.add_error(None, str(error))
        return {}


@require_http_methods(["GET", "POST"])
@permission_required("training.train", raise_exception=True)
def pipeline_new(request: HttpRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    chosen = whole_number(request.GET.get("snapshot"))
    form = PipelineForm(sent, initial={"snapshot": chosen, "preset": DEFAULT_PRESET})
    if form.is_valid():
        assert isinstance(request.user, User)
        pipeline = form.save(request.user)
        if pipeline is not None:
            return redirect("training:pipeline", pipeline.pk)
    context = {"current_section": "training", "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "training/pipeline_new.html", context, status=status)
