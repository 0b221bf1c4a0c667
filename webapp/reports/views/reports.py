from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from retro_core.errors import InvalidInput
from webapp import present
from webapp.experiments.models import Experiment
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page
from webapp.reports.forms import ReportForm
from webapp.reports.models import Report, ReportVersion, Review
from webapp.reports.page import parts, review_panel
from webapp.reports.services import saving

PAGE_SIZE = 40
RECENT_EXPERIMENTS = 12
VERSIONS_SHOWN = 100
VIEW, ADD, CHANGE = "reports.view_report", "reports.add_report", "reports.change_report"
FIRST_WORDS = "## What we asked\n\n\n## What we saw\n\n\n## What follows\n"


@require_GET
@permission_required(VIEW, raise_exception=True)
def report_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(Report.objects.select_related("owner"), request.GET, PAGE_SIZE)
    waiting = Review.objects.waiting_for(request.user.pk).select_related("asked_by")
    context = {
        "current_section": "reports",
        "rows": [(report, present.moment(report.changed_at)) for report in page.rows],
        "page": page,
        "waiting": waiting.select_related("experiment", "report")[:50],
    }
    return render_page(request, "reports/list.html", context, partials=["reports"])


@require_GET
@permission_required(VIEW, raise_exception=True)
def report_detail(request: HttpRequest, report_id: int, number: int | None = None) -> HttpResponse:
    report = get_object_or_404(Report.objects.select_related("owner"), pk=report_id)
    versions = report.versions.select_related("author")
    version = get_object_or_404(versions, number=number or report.version)
    context = {
        "current_section": "reports",
        "report": report,
        "version": version,
        "saved": present.moment(version.saved_at),
        "parts": parts(version.text, request.user, report),
        "versions": [
            (one, present.moment(one.saved_at)) for one in versions.defer("text")[:VERSIONS_SHOWN]
        ],
        "reviews": review_panel(report, request.user),
    }
    return render(request, "reports/detail.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(ADD, raise_exception=True)
def report_new(request: HttpRequest) -> HttpResponse:
    initial = {"text": FIRST_WORDS, "seen": 0}
    form = ReportForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            report = saving.create(
                form.cleaned_data["title"], form.cleaned_data["text"], cast(User, request.user)
            )
            return redirect("reports:detail", report.pk)
        except InvalidInput as error:
            form.add_error(None, str(error))
    return _edit_page(request, form, None)


@require_http_methods(["GET", "POST"])
@permission_required(CHANGE, raise_exception=True)
def report_edit(request: HttpRequest, report_id: int) -> HttpResponse:
    report = get_object_or_404(Report, pk=report_id)
    newest = get_object_or_404(ReportVersion, report=report, number=report.version)
    initial = {"title": newest.title, "text": newest.text, "seen": report.version}
    form = ReportForm(request.POST or None, initial=initial)
    if form.is_valid():
        given = form.cleaned_data
        try:
            saving.save(
                report.pk,
                given["title"],
                given["text"],
                cast(User, request.user),
                seen=given["seen"],
            )
            return redirect("reports:detail", report.pk)
        except InvalidInput as error:
            form.add_error(None, str(error))
    return _edit_page(request, form, report)


def _edit_page(request: HttpRequest, form: ReportForm, report: Report | None) -> HttpResponse:
    recent = Experiment.objects.unarchived().order_by("-pk")[:RECENT_EXPERIMENTS]
    context = {
        "current_section": "reports",
        "form": form,
        "report": report,
        "recent": recent.values_list("pk", "name"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "reports/edit.html", context, status=status)


@require_POST
@permission_required(VIEW, raise_exception=True)
def report_preview(request: HttpRequest) -> HttpResponse:
    form = ReportForm(request.POST)
    form.is_valid()
    text = form.cleaned_data.get("text", "")
    try:
        saving.check_blocks(text)
    except InvalidInput as error:
        return HttpResponse(format_html('<p class="errors" role="alert">{}</p>', str(error)))
    return render(request, "reports/_parts.html", {"parts": parts(text, request.user)})


@require_POST
@permission_required(CHANGE, raise_exception=True)
def report_restore(request: HttpRequest, report_id: int, number: int) -> HttpResponse:
    report = get_object_or_404(Report, pk=report_id)
    get_object_or_404(ReportVersion, report=report, number=number)
    try:
        made = saving.restore(report, number, cast(User, request.user))
        messages.success(request, f"Version {number} is back, as version {made}.")
    except InvalidInput as error:
        messages.error(request, str(error))
    return redirect("reports:detail", report.pk)
