from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from retro_core.errors import InvalidInput
from webapp.experiments.models import Experiment
from webapp.reports.forms import AnswerForm, AskForm
from webapp.reports.models import Report, Review
from webapp.reports.services import reviews

PAGES = {"experiment": "experiments:detail", "report": "reports:detail"}


@require_POST
@permission_required("reports.add_review", raise_exception=True)
def review_ask(request: HttpRequest, kind: str, target_id: int) -> HttpResponse:
    if kind not in PAGES:
        raise Http404
    target: Experiment | Report
    if kind == "experiment":
        target = get_object_or_404(Experiment, pk=target_id)
    else:
        target = get_object_or_404(Report, pk=target_id)
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose whom to ask.")
        return redirect(PAGES[kind], target_id)
    reviewer = form.cleaned_data["reviewer"]
    try:
        person = cast(User, request.user)
        review = reviews.ask(target, person, reviewer, form.cleaned_data["note"])
    except InvalidInput as error:
        messages.warning(request, str(error))
        return redirect(PAGES[kind], target_id)
    messages.success(request, f"{reviewer.get_username()} is asked for a review.")
    return redirect(reviews.address_of(review))


@require_POST
@permission_required("reports.view_report", raise_exception=True)
def review_answer(request: HttpRequest, review_id: int) -> HttpResponse:
    own = Review.objects.filter(reviewer=request.user.pk)
    rows = own.select_related("experiment", "report", "asked_by", "reviewer")
    review = get_object_or_404(rows, pk=review_id)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        errors = form.non_field_errors() or ["Approve, or request changes."]
        messages.error(request, str(errors[0]))
    elif not reviews.answer(review, form.cleaned_data["state"], form.cleaned_data["comment"]):
        messages.warning(request, "This review was answered before.")
    else:
        messages.success(request, "Your review is recorded.")
    return redirect(reviews.address_of(review))
