from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from webapp.experiments import compared, shelf
from webapp.experiments.models import Experiment, Pin, SavedView
from webapp.keyset import whole_number

MOST_AT_ONCE = 1000
MOST_VIEWS = 200
LIST = "experiments:list"


class BulkForm(forms.Form):
    """One thing to do to the ticked experiments."""

    action = forms.ChoiceField(
        choices=[
            (name, name)
            for name in ("tag", "untag", "archive", "unarchive", "delete", "restore", "compare")
        ]
    )
    tag = forms.RegexField(
        r"^[\w .:/+-]+$",
        required=False,
        max_length=shelf.TAG_LENGTH,
        error_messages={"invalid": "A tag is made of letters, digits, spaces and . : / + - _"},
    )

    def clean(self) -> None:
        """A tag is needed where one is put on or taken off."""
        chosen = self.cleaned_data
        needed = chosen.get("action") in ("tag", "untag") and not chosen.get("tag")
        if needed and "tag" not in self.errors:
            self.add_error("tag", "Write the tag first.")


CHANGES: dict[str, tuple[str, Callable[[Sequence[int]], int], str]] = {
    "archive": ("experiments.change_experiment", shelf.archive, "archived"),
    "unarchive": ("experiments.change_experiment", shelf.unarchive, "back on the list"),
    "restore": ("experiments.delete_experiment", shelf.restore, "restored"),
}


@require_POST
@permission_required("experiments.view_experiment", raise_exception=True)
def experiments_bulk(request: HttpRequest) -> HttpResponse:
    form, ids = BulkForm(request.POST), _ids(request)
    if not form.is_valid() or not ids:
        reasons = [str(error) for errors in form.errors.values() for error in errors]
        messages.warning(request, " ".join(reasons) or "Tick an experiment first.")
        return redirect(_back(request))
    action = form.cleaned_data["action"]
    if action == "compare":
        return redirect(compared.address(ids))
    if action == "delete":
        return _delete(request, ids)
    if action in CHANGES:
        return _change(request, action, ids)
    return _tag(request, action, ids, form.cleaned_data["tag"].strip())


@permission_required("experiments.change_experiment", raise_exception=True)
def _tag(request: HttpRequest, action: str, ids: list[int], tag: str) -> HttpResponse:
    changed = (shelf.add_tag if action == "tag" else shelf.remove_tag)(ids, tag)
    messages.success(request, f"{_experiments(changed)} {action}ged {tag!r}.")
    return redirect(_back(request))


def _change(request: HttpRequest, action: str, ids: list[int]) -> HttpResponse:
    permission, change, words = CHANGES[action]

    @permission_required(permission, raise_exception=True)
    def changed(request: HttpRequest) -> HttpResponse:
        messages.success(request, f"{_experiments(change(ids))} {words}.")
        return redirect(_back(request))

    return changed(request)


@permission_required("experiments.delete_experiment", raise_exception=True)
def _delete(request: HttpRequest, ids: list[int]) -> HttpResponse:
    shelf.purge()
    done = shelf.soft_delete(ids)
    for reason in done.refused:
        messages.warning(request, f"Not deleted. {reason}")
    if not done.deleted:
        return redirect(_back(request))
    back = _back(request)
    gone = urlencode({"deleted": ",".join(map(str, done.deleted))})
    return redirect(f"{back}{'&' if '?' in back else '?'}{gone}")


@require_POST
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_pin(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Pin, make the baseline, or unpin; `to` says which."""
    assert isinstance(request.user, User)
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    wanted = request.POST.get("to")
    mine = Pin.objects.filter(user=request.user)
    with transaction.atomic():
        if wanted == "none":
            mine.filter(experiment=experiment).delete()
        else:
            Pin.objects.get_or_create(user=request.user, experiment=experiment)
            if wanted in ("baseline", "pin"):
                mine.filter(experiment=experiment).update(is_baseline=False)
            if wanted == "baseline":
                mine.update(is_baseline=False)
                mine.filter(experiment=experiment).update(is_baseline=True)
    return redirect(_back(request))


class ViewForm(forms.Form):
    """A name for the state of the list."""

    name = forms.CharField(max_length=80)
    query = forms.CharField(max_length=2000, required=False)
    shared = forms.BooleanField(required=False)


@require_http_methods(["GET", "POST"])
@permission_required("experiments.view_experiment", raise_exception=True)
def saved_views(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    mine = SavedView.objects.filter(owner=request.user)
    if request.method == "POST":
        _save_or_remove(request, request.user)
        return redirect("experiments:views")
    others = SavedView.objects.filter(shared=True).exclude(owner=request.user)
    context = {
        "current_section": "experiments",
        "mine": mine[:MOST_VIEWS],
        "shared": others.select_related("owner")[:MOST_VIEWS],
    }
    return render(request, "experiments/views.html", context)


def _save_or_remove(request: HttpRequest, owner: User) -> None:
    if remove := whole_number(request.POST.get("remove")):
        SavedView.objects.filter(owner=owner, pk=remove).delete()
        return
    form = ViewForm(request.POST)
    if not form.is_valid():
        reasons = [str(error) for errors in form.errors.values() for error in errors]
        messages.warning(request, f"Not saved. {' '.join(reasons)}")
        return
    chosen = form.cleaned_data
    SavedView.objects.update_or_create(
        owner=owner,
        name=chosen["name"],
        defaults={"query": chosen["query"], "shared": chosen["shared"]},
    )
    messages.success(request, f"Saved as {chosen['name']!r}.")


def _ids(request: HttpRequest) -> list[int]:
    parts = ",".join(request.POST.getlist("ids")[:MOST_AT_ONCE]).split(",")
    numbers = [whole_number(part) for part in parts]
    return [number for number in dict.fromkeys(numbers) if number is not None][:MOST_AT_ONCE]


def _back(request: HttpRequest) -> str:
    """The state of the list that the form came from, if it is one of ours."""
    to = request.POST.get("back", "")
    inside = url_has_allowed_host_and_scheme(to, allowed_hosts=None)
    return to if inside and to.startswith(reverse(LIST)) else reverse(LIST)


def _experiments(count: int) -> str:
    return f"{count} experiment{'' if count == 1 else 's'}"
