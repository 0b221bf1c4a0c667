from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from retro_core.errors import InvalidInput
from webapp.adapters.forms import EvaluateForm, PromoteForm, TryForm
from webapp.adapters.models import Adapter
from webapp.adapters.services import asking, server
from webapp.adapters.services.trying import grammar_of, settings_of
from webapp.adapters.views.registry import detail_context

PERMISSION = "adapters.promote_adapter"
PAGE = "adapters/detail.html"


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def adapter_promote(request: HttpRequest, adapter_id: int) -> HttpResponse:
    adapter = get_object_or_404(Adapter, pk=adapter_id)
    form = PromoteForm(request.POST)
    assert isinstance(request.user, User)
    if form.is_valid():
        try:
            asking.ask_promotion(adapter, person=request.user, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"A worker loads {adapter} and probes it.")
            return redirect("adapters:detail", adapter.pk)
    return render(request, PAGE, detail_context(adapter.pk, promote_form=form), status=422)


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def adapter_roll_back(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        asked = asking.ask_roll_back(request.user, request.POST.get("seen", ""))
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect("adapters:list")
    messages.success(request, "A worker rolls back.")
    return redirect("adapters:detail", asked.adapter_id)


@require_POST
@permission_required(PERMISSION, raise_exception=True)
def adapter_try(request: HttpRequest, adapter_id: int) -> HttpResponse:
    """Nothing is written, so the answer is the page itself."""
    adapter = get_object_or_404(Adapter.objects.policies(), pk=adapter_id)
    form = TryForm(request.POST)
    tried = None
    if form.is_valid():
        failure, seed = form.cleaned_data["reflection"], form.cleaned_data["seed"]
        try:
            asked, grammar = settings_of(failure, adapter), grammar_of(failure)
            tried = server.try_on(adapter, failure.prompt, asked, seed=seed, grammar=grammar)
        except InvalidInput as error:
            form.add_error(None, str(error))
    context = detail_context(adapter.pk, try_form=form, tried=tried)
    return render(request, PAGE, context, status=422 if form.errors else 200)


@require_POST
@permission_required(PERMISSION, raise_exception=True)
@permission_required("experiments.run_experiment", raise_exception=True)
def adapter_evaluate(request: HttpRequest, adapter_id: int) -> HttpResponse:
    adapter = get_object_or_404(Adapter, pk=adapter_id)
    form = EvaluateForm(adapter, request.POST)
    assert isinstance(request.user, User)
    if form.is_valid() and form.save(adapter, request.user):
        messages.success(request, "Both experiments are queued; results appear below.")
        return redirect("adapters:detail", adapter.pk)
    return render(request, PAGE, detail_context(adapter.pk, evaluate_form=form), status=422)
