"""The order of the experiments list, and keyset pages in any of its orders."""

from dataclasses import dataclass

from django.db.models import Case, F, FloatField, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Cast, Coalesce, Greatest
from django.http import QueryDict

from webapp.experiments.models import Experiment
from webapp.keyset import whole_number

LOWEST = -1e300  # what is not known yet sorts below everything

SORTS: dict[str, Combinable] = {
    "created": F("pk"),
    "name": F("name"),
    "success": Cast(F("tasks_solved"), FloatField()) / Greatest(F("tasks_ended"), Value(1)),
    "delta": Case(
        When(
            rating_rollup__rated__gt=0,
            then=F("rating_rollup__rating_sum") / F("rating_rollup__rated"),
        ),
        default=Value(LOWEST),
        output_field=FloatField(),
    ),
    "tasks": F("tasks_total"),
    "episodes": F("episodes_count"),
    "tokens": F("prompt_tokens") + F("completion_tokens"),
}
GROUPS: dict[str, tuple[str, Expression | F]] = {
    "environment": ("environment", F("environment")),
    "method": ("method", F("method")),
    "status": ("status", F("status")),
    "adapter": ("adapter", F("adapter")),
    "owner": ("owner__username", Coalesce(F("owner__username"), Value(""))),
    "task_set": ("task_set__name", F("task_set__name")),
}


@dataclass(frozen=True, slots=True)
class Order:
    """`sort` with its direction, within `group` if there is one."""

    sort: str
    descending: bool
    group: str

    @classmethod
    def asked(cls, query: QueryDict) -> "Order":
        """From `sort=-name&group=method`; what means nothing is the newest first, ungrouped."""
        sort = query.get("sort", "")
        name = sort.removeprefix("-")
        group = query.get("group", "")
        if name not in SORTS:
            sort, name = "-created", "created"
        return cls(name, sort.startswith("-"), group if group in GROUPS else "")

    @property
    def text(self) -> str:
        return f"{'-' if self.descending else ''}{self.sort}"


@dataclass(frozen=True, slots=True)
class ListPage:
    """The rows of one page and the query strings of its neighbours, empty at an end."""

    rows: list[Experiment]
    newer: str
    older: str


def list_page(rows: "QuerySet[Experiment]", order: Order, query: QueryDict, size: int) -> ListPage:
    """Cut the page behind `?before=ID` or ahead of `?after=ID` out of `rows`."""
    before, after = whole_number(query.get("before")), whole_number(query.get("after"))
    keyed = _keyed(rows, order)
    back = after is not None
    anchor = after if after is not None else before
    if anchor is not None:
        keyed = keyed.filter(_beyond(order, anchor, back=back))
    found = list(keyed.order_by(*_order_by(order, back=back))[: size + 1])
    more, shown = len(found) > size, found[:size]
    if back:
        shown.reverse()
    has_newer, has_older = (more, True) if back else (anchor is not None, more)
    return ListPage(
        shown,
        _with(query, "after", shown[0].pk) if shown and has_newer else "",
        _with(query, "before", shown[-1].pk) if shown and has_older else "",
    )


def _keyed(rows: "QuerySet[Experiment]", order: Order) -> "QuerySet[Experiment]":
    keys = {"sort_key": SORTS[order.sort]}
    if order.group:
        keys["group_key"] = GROUPS[order.group][1]
    return rows.annotate(**keys)


def _order_by(order: Order, *, back: bool) -> list[str]:
    down = "-" if order.descending != back else ""
    keys = [f"{down}sort_key", f"{down}pk"]
    return [f"{'-' if back else ''}group_key", *keys] if order.group else keys


def _beyond(order: Order, anchor: int, *, back: bool) -> Q:
    """Rows that come after the anchor in the order, or before it."""
    here = _keyed(Experiment.objects.filter(pk=anchor), order)
    sort = Subquery(here.values("sort_key"))  # type: ignore[misc]  # annotated above
    side = "lt" if order.descending != back else "gt"
    found = Q(**{f"sort_key__{side}": sort}) | Q(sort_key=sort, **{f"pk__{side}": anchor})
    if order.group:
        group = Subquery(here.values("group_key"))  # type: ignore[misc]  # likewise
        found = Q(**{f"group_key__{'lt' if back else 'gt'}": group}) | (Q(group_key=group) & found)
    return found


def _with(query: QueryDict, name: str, pk: int) -> str:
    changed = query.copy()
    for old in ("before", "after"):
        changed.pop(old, None)
    changed[name] = str(pk)
    return f"?{changed.urlencode()}"
