from pathlib import PurePath
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile

from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from webapp.exchange import services
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ExportRequest, ImportRequest
from webapp.exchange.tables import TABLES
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet

KINDS = {
    "auto": "Rows: episodes, task sets, reflections or ratings",
    "hotpotqa": "HotPotQA's official file",
    "webshop": "WebShop's official files",
    "alfworld": "AlfWorld's official games",
}
ROW_ENDINGS = {".jsonl", ".json", ".parquet", ".zip"}
MOST_OFFERED = 200
LONGEST_FILE_NAME = 120
# A row of an agent's log, as the page of imports shows it.
EXAMPLE = {
    "experiment": "baseline",
    "environment": "hotpotqa",
    "method": "reflexion",
    "task_id": "q-17",
    "goal": "Which river …?",
    "trial": 1,
    "steps": [
        {
            "thought": "I should search …",
            "action": "Search[Loire]",
            "observation": "The Loire is …",
        }
    ],
    "success": False,
    "episode_return": 0.0,
    "truncated": False,
    "reflection": "I stopped too early …",
}


class ExportForm(forms.Form):
    """What to take along, and how."""

    tables = forms.MultipleChoiceField(
        choices=[(name, table.title) for name, table in TABLES.items()],
        initial=list(TABLES),
        widget=forms.CheckboxSelectMultiple,
        label="Tables",
    )
    experiments = forms.ModelMultipleChoiceField(
        Experiment.objects.none(),
        required=False,
        label="Experiments",
        help_text="With their task sets. None chosen means all.",
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    format = forms.ChoiceField(
        choices=[("parquet", "Parquet"), ("jsonl", "JSON lines")], label="Format"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = Experiment.objects.filter(deleted_at=None)
        newest = kept.order_by("-pk").values_list("pk", flat=True)[:MOST_OFFERED]
        field = self.fields["experiments"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = kept.filter(pk__in=list(newest))

    def save(self, owner: User) -> Transfer:
        """Ask for the export."""
        chosen: list[Experiment] = list(self.cleaned_data["experiments"])
        sets = TaskSet.objects.filter(experiments__in=chosen).distinct().order_by("pk")
        request = ExportRequest(
            tables=self.cleaned_data["tables"],
            format=self.cleaned_data["format"],
            experiments=[row.pk for row in chosen] or None,
            task_sets=[row.pk for row in sets] if chosen else None,
        )
        named = ", ".join(row.name for row in chosen[:3]) or "Everything"
        more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
        return services.ask_for_export(request, title=named + more, owner=owner)


class ImportForm(forms.Form):
    """A file, from this browser or on the server, and what it is."""

    kind = forms.ChoiceField(choices=list(KINDS.items()), label="What it is")
    file = forms.FileField(
        required=False, label="File", help_text="JSON lines, parquet, JSON or a zip."
    )
    server_path = forms.CharField(
        required=False, max_length=500, label="Or a file on the server", strip=True
    )
    task_set = forms.CharField(
        required=False,
        max_length=100,
        label="Name of the task sets",
        help_text="For official files. Empty is the name of the file; the split is added.",
    )
    split = forms.CharField(
        required=False,
        max_length=40,
        label="Split",
        help_text="For official files. Empty is all that the file has, by its own word.",
    )
    skip_bad = forms.BooleanField(
        required=False,
        label="Import the good rows even if some are bad",
        help_text="Otherwise one bad row means that nothing is imported.",
    )

    def clean_file(self) -> "UploadedFile[bytes] | None":
        file: UploadedFile[bytes] | None = self.cleaned_data["file"]
        if file is not None and PurePath(_name_of(file)).suffix.lower() not in ROW_ENDINGS:
            raise forms.ValidationError("The name must end in .jsonl, .json, .parquet or .zip.")
        return file

    def clean_server_path(self) -> str:
        path: str = self.cleaned_data["server_path"]
        try:
            if path:
                services.server_file(path)
        except (InvalidInput, ValueError, OSError) as error:
            raise forms.ValidationError(str(error)) from error
        return path

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        file, path = values.get("file"), values.get("server_path")
        if not self.errors and bool(file) == bool(path):
            raise forms.ValidationError("Choose a file, or name one on the server: one of the two.")
        split, kind = values.get("split"), values.get("kind")
        if split and kind in KINDS and kind != "auto" and split not in env_spec(kind).splits:
            known = ", ".join(env_spec(kind).splits)
            self.add_error("split", f"The splits are {known}.")
        return values

    def save(self, owner: User) -> Transfer:
        """Keep the file and ask for the import."""
        values = self.cleaned_data
        file: UploadedFile[bytes] | None = values["file"]
        request = ImportRequest(
            file=_name_of(file) if file else "",
            server_path=values["server_path"],
            kind=values["kind"],
            task_set=values["task_set"],
            split=values["split"],
            skip_bad=values["skip_bad"],
        )
        return services.ask_for_import(request, owner=owner, chunks=file.chunks() if file else ())


def _name_of(file: "UploadedFile[bytes]") -> str:
    """The end of a long name: it tells the kind of the file. A disk counts bytes."""
    end = (file.name or "upload.jsonl").encode()[-LONGEST_FILE_NAME:]
    return end.decode(errors="ignore").lstrip(".")
