from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from webapp.episodes.importing import ImportReport, import_episodes

MOST_MEGABYTES = 512
SOURCE_SHOWN = 120


class UploadForm(forms.Form):
    """A log of recorded episodes."""

    file = forms.FileField(label="JSON lines file", help_text="One JSON object an episode.")
    skip_bad = forms.BooleanField(
        required=False,
        label="Import the good lines even if some are bad",
        help_text="Otherwise one bad line means that nothing is imported.",
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_MEGABYTES * 2**20:
            raise forms.ValidationError(
                f"Larger than {MOST_MEGABYTES} MB: use manage.py import_episodes."
            )
        return file


@require_http_methods(["GET", "POST"])
@permission_required("experiments.add_experiment", raise_exception=True)
def episodes_upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    report = _imported(form) if form.is_valid() else None
    if report and not report.bad_count and report.experiments:
        messages.success(
            request,
            f"{report.imported:,} episodes imported, {report.known:,} were here already.",
        )
        return _to_result(report)
    context = {"current_section": "upload", "form": form, "report": report}
    refused = form.is_bound and (report is None or report.refused)
    return render(request, "experiments/upload.html", context, status=422 if refused else 200)


def _imported(form: UploadForm) -> ImportReport:
    file, skip_bad = form.cleaned_data["file"], form.cleaned_data["skip_bad"]
    return import_episodes(file, source=file.name[:SOURCE_SHOWN], skip_bad=skip_bad)


def _to_result(report: ImportReport) -> HttpResponse:
    if len(report.experiments) == 1:
        return redirect("experiments:detail", next(iter(report.experiments)))
    return redirect("experiments:list")
