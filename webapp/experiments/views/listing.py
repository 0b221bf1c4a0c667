from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpResponse, QueryDict
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from webapp.experiments.alphas import alphas
from webapp.experiments.columns import COLUMNS, Column, chosen_columns
from webapp.experiments.deltas import deltas
from webapp.experiments.filters import ExperimentFilter, Facets, facets
from webapp.experiments.models import CurvePoint, Experiment, Pin
from webapp.experiments.rows import Beside, ExperimentRow, experiment_rows, row_html
from webapp.experiments.sorting import GROUPS, Order, list_page
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 25
MOST_PINS = 20
MOST_RESTORED = 200
FETCHED = ("owner", "task_set", "rating_rollup")
# What makes a list what it is; where in it one stands is no part of it.
PLACE = ("before", "after", "deleted")


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows under one heading, also as written out; `matching` counts the group on all pages."""

    title: str
    matching: int
    rows: list[ExperimentRow]
    lines: list[SafeString]


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading with the address that sorts by it."""

    column: Column
    address: str
    order: str


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_list(request: HtmxHttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    filters, order = ExperimentFilter(request.GET), Order.asked(request.GET)
    columns = chosen_columns(request.GET)
    shown = frozenset(column.name for column in columns)
    group = GROUPS[order.group][0] if order.group else ""
    counted = facets(filters, group)
    pins = list(_pins(request.user))
    listed = Experiment.objects.filter(filters.condition()).select_related(*FETCHED)
    page = list_page(listed.defer("config", "notes"), order, request.GET, PAGE_SIZE)
    pinned = [pin.experiment for pin in pins]
    _fetch_curves([*page.rows, *pinned])
    beside = _beside(pins, [row.pk for row in [*page.rows, *pinned]], columns)
    context = {
        "current_section": "experiments",
        "groups": _groups(experiment_rows(page.rows, beside), shown, order, counted),
        "pins": [row_html(row, shown) for row in experiment_rows(pinned, beside)],
        "baseline": next((pin.experiment for pin in pins if pin.is_baseline), None),
        "page": page,
        "filters": filters,
        "facets": counted,
        "order": order,
        "group_names": list(GROUPS),
        "columns": columns,
        "shown": shown,
        "all_columns": COLUMNS,
        "headings": [_heading(column, order, request.GET) for column in columns],
        "width": len(columns) + 2,
        "any_live": any(experiment.is_live for experiment in page.rows),
        "address": request.get_full_path(),
        "state": _without(request.GET, PLACE).urlencode(),
        "kept": _kept(request.GET),
        "restorable": _restorable(request.GET),
    }
    return render_page(request, "experiments/list.html", context, partials=["experiments"])


def _pins(user: User) -> "QuerySet[Pin]":
    related = [f"experiment__{name}" for name in FETCHED]
    pins = Pin.objects.filter(user=user, experiment__deleted_at=None)
    return pins.select_related("experiment", *related).defer(
        "experiment__config", "experiment__notes"
    )[:MOST_PINS]


def _fetch_curves(experiments: list[Experiment]) -> None:
    points = CurvePoint.objects.order_by("trial")
    prefetch_related_objects(experiments, Prefetch("curve_points", queryset=points))


def _beside(pins: list[Pin], ids: list[int], columns: list[Column]) -> Beside:
    baseline = next((pin.experiment for pin in pins if pin.is_baseline), None)
    wants_alpha = any(column.name == "alpha" for column in columns)
    return Beside(
        deltas=deltas(baseline.pk, baseline.trials, ids) if baseline else {},
        alphas=alphas(ids) if wants_alpha and ids else {},
        pinned=frozenset(pin.experiment_id for pin in pins),
        baseline=baseline.pk if baseline else None,
    )


def _groups(
    rows: Iterable[ExperimentRow], shown: frozenset[str], order: Order, counted: Facets
) -> list[RowGroup]:
    def written(title: str, matching: int, of: Iterable[ExperimentRow]) -> RowGroup:
        whole = list(of)
        return RowGroup(title, matching, whole, [row_html(row, shown) for row in whole])

    if not order.group:
        only = written("", counted.matching, rows)
        return [only] if only.rows else []

    def key(row: ExperimentRow) -> str:
        value = str(getattr(row, order.group))
        return "" if order.group == "owner" and value == "\N{EN DASH}" else value

    return [
        written(f"{order.group.replace('_', ' ')}: {name or 'none'}", counted.kept[name], of)
        for name, of in groupby(rows, key)
    ]


def _heading(column: Column, order: Order, query: QueryDict) -> Heading:
    if not column.sort:
        return Heading(column, "", "")
    mine = order.sort == column.sort
    down = not (mine and order.descending)
    changed = _without(query, (*PLACE, "sort"))
    changed["sort"] = f"{'-' if down else ''}{column.sort}"
    current = ("descending" if order.descending else "ascending") if mine else ""
    return Heading(column, f"?{changed.urlencode()}", current)


def _without(query: QueryDict, names: Iterable[str]) -> QueryDict:
    changed = query.copy()
    for name in names:
        changed.pop(name, None)
    return changed


def _kept(query: QueryDict) -> list[tuple[str, str]]:
    """What a form of columns must send along, so that the rest of the state stays."""
    kept = _without(query, (*PLACE, "cols"))
    return [(name, value) for name, values in kept.lists() for value in values]


def _restorable(query: QueryDict) -> list[int]:
    """The experiments that were just deleted, to be restored by one press."""
    numbers = [whole_number(part) for part in query.get("deleted", "").split(",")]
    ids = [number for number in numbers if number is not None][:MOST_RESTORED]
    if not ids:
        return []
    gone = Experiment.objects.filter(pk__in=ids, deleted_at__isnull=False)
    return list(gone.values_list("pk", flat=True))
