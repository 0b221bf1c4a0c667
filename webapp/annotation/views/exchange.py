from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from webapp.annotation.import_forms import ImportForm
from webapp.annotation.models import Queue
from webapp.annotation.services.columns import responses_parquet
from webapp.annotation.services.exchange import Report, import_responses, response_lines
from webapp.annotation.services.formats import argilla_records, label_studio_tasks
from webapp.annotation.views.access import person_of, queue_or_404

READ = "annotation.view_response"
LINES_SHOWN = 50


@require_GET
@permission_required(READ, raise_exception=True)
def responses_jsonl(request: HttpRequest, queue_id: int) -> StreamingHttpResponse:
    queue = queue_or_404(queue_id)
    kind = "application/x-ndjson; charset=utf-8"
    response = StreamingHttpResponse(response_lines(queue), content_type=kind)
    response["Content-Disposition"] = _attachment(queue, "responses.jsonl")
    return response


@require_GET
@permission_required(READ, raise_exception=True)
def responses_columns(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    kind = "application/vnd.apache.parquet"
    response = HttpResponse(responses_parquet(queue), content_type=kind)
    response["Content-Disposition"] = _attachment(queue, "responses.parquet")
    return response


@require_GET
@permission_required(READ, raise_exception=True)
def argilla_json(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    return _json(queue, argilla_records(queue), "argilla.json")


@require_GET
@permission_required(READ, raise_exception=True)
def label_studio_json(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    return _json(queue, label_studio_tasks(queue), "label-studio.json")


@require_http_methods(["GET", "POST"])
@permission_required("annotation.change_queue", raise_exception=True)
def responses_import(request: HttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    report = _imported(request, queue, form) if form.is_valid() else None
    if report is not None and not report.bad:
        words = f"{report.imported:,} answers imported, {report.known:,} were here already."
        messages.success(request, words)
        return redirect("annotation:queue", queue.pk)
    bad = report.bad[:LINES_SHOWN] if report else []
    context = {"current_section": "annotation", "queue": queue, "form": form, "bad": bad}
    status = 422 if form.is_bound else 200
    return render(request, "annotation/import.html", context, status=status)


def _imported(request: HttpRequest, queue: Queue, form: ImportForm) -> Report:
    return import_responses(queue, form.cleaned_data["file"], person_of(request))


def _json(queue: Queue, whole: object, ending: str) -> HttpResponse:
    response = JsonResponse(whole, safe=False, json_dumps_params={"ensure_ascii": False})
    response["Content-Disposition"] = _attachment(queue, ending)
    return response


def _attachment(queue: Queue, ending: str) -> str:
    name = slugify(queue.name) or f"queue-{queue.pk}"
    return f'attachment; filename="{name}-{ending}"'
