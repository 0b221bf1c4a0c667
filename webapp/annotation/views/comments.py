"""Discussions: of a reflection, a step or an experiment, one page and one form for all."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from webapp.annotation.services import comments
from webapp.annotation.views.access import hides_answers, person_of
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.render import HtmxHttpRequest, render_page

PLACES = {
    "reflection": ("episode__task", "experiment"),
    "step": ("episode__task", "episode__experiment"),
    "experiment": (),
}


class CommentForm(forms.Form):
    """A word in a discussion."""

    text = forms.CharField(max_length=comments.MOST_CHARACTERS)


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def discussion(request: HtmxHttpRequest, kind: str, target_id: int) -> HttpResponse:
    """Everything said about one thing."""
    target = _target_or_404(kind, target_id)
    if isinstance(target, Reflection):
        return redirect("annotation:history", target.pk)
    context = {
        "current_section": "experiments",
        "title": comments.place_of(target),
        "back": _thing(target),
        "kind": kind,
        "target": target,
        "comments": comments.of(target),
    }
    return render_page(request, "annotation/discussion.html", context, partials=["discussion"])


@require_POST
@permission_required("annotation.add_comment", raise_exception=True)
def comment_add(request: HttpRequest, kind: str, target_id: int) -> HttpResponse:
    """Add to a discussion and go back to the page that the form was on."""
    target = _target_or_404(kind, target_id)
    if isinstance(target, Reflection) and hides_answers(request, target):
        raise Http404  # its discussion is hidden until the person's own answer
    form = CommentForm(request.POST)
    if form.is_valid():
        comments.add(target, person_of(request), form.cleaned_data["text"])
    else:
        messages.error(request, "A comment needs some words, at most 4,000 characters.")
    return redirect(_back(request, comments.address_of(target)))


def _target_or_404(kind: str, target_id: int) -> comments.Target:
    if kind not in comments.TARGETS:
        raise Http404
    rows: Any = comments.TARGETS[kind].objects  # of one of three models
    target: comments.Target = get_object_or_404(
        rows.select_related(*PLACES[kind]) if PLACES[kind] else rows, pk=target_id
    )
    return target


def _thing(target: comments.Target) -> str:
    if isinstance(target, Experiment):
        return reverse("experiments:detail", args=[target.pk])
    return comments.address_of(target)


def _back(request: HttpRequest, otherwise: str) -> str:
    """The page that the form was on, if it is one of ours."""
    address = request.POST.get("next", "")
    ours = address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if ours else otherwise
