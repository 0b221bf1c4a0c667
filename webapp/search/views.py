from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from webapp.annotation.services.blindness import every_hidden_from
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, render_page
from webapp.search import hits
from webapp.search.forms import OUTCOMES, SearchForm
from webapp.search.rows import found_rows
from webapp.search.scopes import COMMENTS, SCOPES
from webapp.search.words import Words, parse

PAGE_SIZE = 20


@require_GET
@permission_required("episodes.view_step", raise_exception=True)
def search(request: HtmxHttpRequest) -> HttpResponse:
    asked = SearchForm(request.GET).asked()
    words = parse(asked["q"])
    context = {
        "current_section": "search",
        "asked": asked,
        "scopes": _scope_links(asked),
        "orders": [(name, _address(asked, order=name)) for name in ("newest", "best")],
        "filters": _chosen(asked),
        "only_exclusions": bool(words.terms) and not words.says_something,
    }
    if words.says_something:
        try:
            with hits.bounded():
                context |= _found(request, asked, words)
        except hits.TooBroad:
            context["too_broad"] = True
    return render_page(request, "search/search.html", context, partials=["found"])


def _found(request: HtmxHttpRequest, asked: dict[str, Any], words: Words) -> dict[str, Any]:
    scope = SCOPES[asked["scope"]]
    hidden = every_hidden_from(request.user) if scope.table == COMMENTS else ()
    match = hits.match_of(scope, words, asked, hidden)
    ids, pages, looked_at = _page(request, asked, match)
    spread = None if looked_at is None else hits.facets(match, looked_at)
    return {
        "rows": found_rows(scope, ids, words.pattern(), request.user),
        "page": pages,
        "facets": _facet_links(asked, spread) if spread else [],
        "total": spread.total if spread else None,
        "episodes": spread.episodes if spread else 0,
        "is_capped": spread.is_capped if spread else False,
        "looked_at": hits.NEWEST_LOOKED_AT,
    }


def _page(
    request: HtmxHttpRequest, asked: dict[str, Any], match: hits.Match
) -> tuple[list[int], dict[str, str], list[int] | None]:
    """Ids of a page, addresses of its neighbours, and on the first the ids that are counted."""
    before, after = (whole_number(request.GET.get(name)) for name in ("before", "after"))
    if asked["order"] == "best":
        looked_at = hits.looked_at(match)
        skip = min(whole_number(request.GET.get("skip")) or 0, len(looked_at))
        ids = hits.ranked(match, looked_at)[skip:]
        back = _address(asked, skip=max(skip - PAGE_SIZE, 0)) if skip else ""
        on = _address(asked, skip=skip + PAGE_SIZE) if len(ids) > PAGE_SIZE else ""
        return ids[:PAGE_SIZE], {"newer": back, "older": on}, None if skip else looked_at
    if before is None and after is None:
        ids = hits.looked_at(match)
        older = _address(asked, before=ids[PAGE_SIZE - 1]) if len(ids) > PAGE_SIZE else ""
        return ids[:PAGE_SIZE], {"newer": "", "older": older}, ids
    return *_later_page(asked, match, before, after), None


def _later_page(
    asked: dict[str, Any], match: hits.Match, before: int | None, after: int | None
) -> tuple[list[int], dict[str, str]]:
    """The page behind one id or before another, newest first."""
    ids = hits.newest_ids(match, before=before, after=after, limit=PAGE_SIZE + 1)
    more, ids = len(ids) > PAGE_SIZE, ids[:PAGE_SIZE]
    if after is not None:
        ids = ids[::-1]
    newer = _address(asked, after=ids[0]) if ids and (more or after is None) else ""
    older = _address(asked, before=ids[-1]) if ids and (more or after is not None) else ""
    return ids, {"newer": newer, "older": older}


def _address(asked: dict[str, Any], **changed: object) -> str:
    values = {name: value for name, value in {**asked, **changed}.items() if value != ""}
    return f"?{urlencode(values)}"


def _scope_links(asked: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(s.name, s.label, _address(asked, scope=s.name)) for s in SCOPES.values()]


def _chosen(asked: dict[str, Any]) -> list[tuple[str, object, str, str]]:
    """The filters in force: name, value, words, and the address that lifts it."""
    used = [(name, asked[name]) for name in hits.FILTERS if name in asked]
    return [
        (name, value, str(OUTCOMES.get(value, value)), _address({**asked, name: ""}))
        for name, value in used
    ]


def _facet_links(
    asked: dict[str, Any], spread: hits.Facets
) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Filters that would still narrow, by name, each value with its count and address."""
    groups = []
    for name, values in spread.counts.items():
        if name not in asked and values:
            links = [
                (OUTCOMES.get(text, text), number, _address(asked, **{name: value}))
                for value, text, number in values
            ]
            groups.append((name, links))
    return groups
