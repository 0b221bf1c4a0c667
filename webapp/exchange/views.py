import json
from pathlib import Path

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from webapp.exchange.forms import EXAMPLE, ExportForm, ImportForm
from webapp.exchange.models import Transfer
from webapp.exchange.rows import report_rows, transfer_row
from webapp.exchange.services import bad_rows, packed
from webapp.keyset import page_of, whole_number
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 30
MAY = "exchange.transfer_data"


def _transfers() -> "QuerySet[Transfer]":
    return Transfer.objects.select_related("owner")


@require_GET
@permission_required(MAY, raise_exception=True)
def transfer_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(_transfers(), request.GET, PAGE_SIZE)
    rows = [transfer_row(row) for row in page.rows]
    context = {
        "current_section": "upload",
        "rows": rows,
        "page": page,
        "moving": any(row.moving for row in rows),
        "address": request.get_full_path(),
    }
    return render_page(request, "exchange/list.html", context, partials=["transfers"])


@require_http_methods(["GET", "POST"])
@permission_required(MAY, raise_exception=True)
def import_new(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        assert isinstance(request.user, User)
        return redirect("exchange:detail", form.save(request.user).pk)
    example = json.dumps(EXAMPLE, ensure_ascii=False)
    context = {"current_section": "upload", "form": form, "example": example}
    status = 422 if form.is_bound else 200
    return render(request, "exchange/import.html", context, status=status)


@require_http_methods(["GET", "POST"])
@permission_required(MAY, raise_exception=True)
def export_new(request: HttpRequest) -> HttpResponse:
    chosen = whole_number(request.GET.get("experiment"))
    initial = {"experiments": [chosen]} if chosen else {}
    form = ExportForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        assert isinstance(request.user, User)
        return redirect("exchange:detail", form.save(request.user).pk)
    context = {"current_section": "upload", "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "exchange/export.html", context, status=status)


@require_GET
@permission_required(MAY, raise_exception=True)
def transfer_detail(request: HtmxHttpRequest, transfer_id: int) -> HttpResponse:
    transfer = get_object_or_404(_transfers(), pk=transfer_id)
    context = {
        "current_section": "upload",
        "row": transfer_row(transfer),
        "tables": report_rows(transfer),
        "experiments": transfer.report.get("experiments", {}),
        "task_sets": transfer.report.get("task_sets", {}),
        "bad": transfer.report.get("bad", []),
        "files_removed": transfer.files_removed,
    }
    return render_page(request, "exchange/detail.html", context, partials=["transfer"])


@require_GET
@permission_required(MAY, raise_exception=True)
def download(request: HttpRequest, transfer_id: int) -> HttpResponse | FileResponse:
    transfer = get_object_or_404(Transfer, pk=transfer_id)
    return _file(request, transfer, packed(transfer), "zip")


@require_GET
@permission_required(MAY, raise_exception=True)
def download_bad_rows(request: HttpRequest, transfer_id: int) -> HttpResponse | FileResponse:
    transfer = get_object_or_404(Transfer, pk=transfer_id)
    return _file(request, transfer, bad_rows(transfer), "bad-rows.csv")


def _file(
    request: HttpRequest, transfer: Transfer, path: Path | None, ending: str
) -> HttpResponse | FileResponse:
    """The file as a download; a page that says so where it is gone."""
    if path is None and transfer.files_removed:
        return render(request, "exchange/gone.html", {"transfer": transfer}, status=410)
    if path is None:
        raise Http404
    name = f"{slugify(transfer.title) or 'transfer'}-{transfer.pk}.{ending}"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name)
