from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from webapp import present
from webapp.annotation import panels
from webapp.annotation.forms import LARGEST_VALUE
from webapp.annotation.models import Adjudication, Counterfactual, RatingEvent, RatingRule, Response
from webapp.annotation.rows import event_rows
from webapp.annotation.services import comments
from webapp.annotation.services.blindness import hide_people
from webapp.annotation.services.deciding import revert, revertable
from webapp.annotation.services.effects import change_rule, current_rule
from webapp.annotation.views.access import hides_answers, hides_decision, person_of
from webapp.episodes.models import Reflection
from webapp.keyset import page_of, whole_number
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 50
MOST_REVERTED = 500
AUDIT = "annotation.audit_ratings"


class RuleForm(forms.Form):
    """When people agree."""

    least_responses = forms.IntegerField(min_value=1, max_value=20)
    tolerance = forms.FloatField(min_value=0, max_value=LARGEST_VALUE)
    weighs_confidence = forms.BooleanField(required=False)
    why = forms.CharField(max_length=1000)


@require_GET
@permission_required("episodes.view_reflection", raise_exception=True)
def reflection_history(request: HtmxHttpRequest, reflection_id: int) -> HttpResponse:
    """Everything that happened to one reflection's rating."""
    rows = Reflection.objects.select_related("episode__task", "experiment")
    reflection = get_object_or_404(rows.defer("prompt"), pk=reflection_id)
    hidden = hides_answers(request, reflection)
    undecided = hides_decision(request, reflection)
    told = Q(adjudication=None) if undecided else Q()
    events = list(_events().filter(told, reflection=reflection).order_by("-pk"))
    hide_people(person_of(request), [reflection])
    replayed = Counterfactual.objects.filter(reflection=reflection).first()
    decision = None if hidden or undecided else _decision(reflection)
    context = {
        "current_section": "reflections",
        "reflection": reflection,
        "automatic": present.signed(reflection.automatic_rating),
        "effective": present.signed(reflection.effective_rating),
        "effective_class": present.rating_class(reflection.effective_rating),
        "hidden": hidden,
        "events": [] if hidden else event_rows(events, revertable(events)),
        "answers": [] if hidden else _answers(reflection),
        "decision": decision,
        "decided": present.signed(decision.value) if decision else "",
        "comments": [] if hidden else comments.of(reflection),
        "kind": "reflection",
        "rule": current_rule(),
        "counterfactual": _mean(replayed),
        "counterfactual_class": present.rating_class(replayed.mean if replayed else None),
        "scores": [] if hidden else _scores(reflection),
    }
    return render_page(request, "annotation/history.html", context, partials=["events"])


def _answers(reflection: Reflection) -> list[tuple[panels.AnswerRow, bool]]:
    rows = list(reflection.responses.select_related("person").order_by("-pk"))
    current = set(Response.objects.current().filter(reflection=reflection).values_list("pk"))
    return [(row, (row.pk,) in current) for row in panels.answer_rows(rows)]


def _mean(replayed: Counterfactual | None) -> str:
    return "" if replayed is None or replayed.mean is None else present.signed(replayed.mean)


def _scores(reflection: Reflection) -> list[tuple[str, str]]:
    """The last reward models' scores."""
    rows = reflection.scores.select_related("adapter").order_by("-adapter")
    return [(row.adapter.name, present.signed(row.score)) for row in rows[:3]]


def _decision(reflection: Reflection) -> Adjudication | None:
    now = Adjudication.objects.current().filter(reflection=reflection)
    return now.select_related("decided_by").first()


def _events() -> "QuerySet[RatingEvent]":
    return RatingEvent.objects.select_related(
        "person", "response", "adjudication", "rule", "reflection__episode__task"
    ).defer("reflection__text", "reflection__prompt", "reflection__episode__task__payload")


@require_GET
@permission_required(AUDIT, raise_exception=True)
def audit(request: HtmxHttpRequest) -> HttpResponse:
    """Every change of every rating, newest first."""
    events = _events()
    if name := request.GET.get("person", "").replace("\0", "")[:150]:
        events = events.filter(person__username=name)
    page = page_of(events, request.GET, PAGE_SIZE)
    current_rule()  # makes the first version, so that the page never shows a rule of nothing
    context = {
        "current_section": "annotation",
        "rows": event_rows(page.rows, revertable(page.rows)),
        "page": page,
        "name": name,
        "rules": RatingRule.objects.select_related("made_by"),
    }
    return render_page(request, "annotation/audit.html", context, partials=["events"])


@require_POST
@permission_required(AUDIT, raise_exception=True)
def revert_events(request: HttpRequest) -> HttpResponse:
    """Take the causes of the chosen changes back."""
    numbers = [whole_number(text) for text in request.POST.getlist("event")[:MOST_REVERTED]]
    chosen = _events().filter(pk__in=[number for number in numbers if number is not None])
    why = request.POST.get("why", "").replace("\0", "").strip()[:1000]
    outright = "outright" in request.POST
    if not why:
        messages.error(request, "Nothing was taken back: say why.")
    elif count := revert(chosen.order_by("pk"), person_of(request), why, outright=outright):
        messages.success(request, f"{count} taken back.")
    else:
        messages.warning(request, "Nothing changed: choose changes that are still in force.")
    return redirect("annotation:audit")


@require_POST
@permission_required(AUDIT, raise_exception=True)
def rule_change(request: HttpRequest) -> HttpResponse:
    """Add a version of the rule; every touched reflection follows it."""
    form = RuleForm(request.POST)
    if form.is_valid():
        changed = change_rule(person_of(request), **form.cleaned_data)
        messages.success(request, f"The new rule holds; {changed} effective ratings changed.")
    else:
        messages.error(request, "A rule needs a number of answers, a tolerance, and a reason.")
    return redirect("annotation:audit")
