"""The queries of the search page. Each is bounded, however common the word."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from webapp.search.scopes import Scope
from webapp.search.words import Words

NEWEST_LOOKED_AT = 200  # matches that are counted and ranked
LIMIT_MS = 3_000
NEWEST_PROBED, COMMON_FROM = 2_000, 5  # so many among the newest rows make a word common
FACET_ROWS = 8
FILTERS = {
    "environment": "x.environment = %s",
    "method": "x.method = %s",
    "experiment": "x.id = %s",
    "outcome": "e.success = %s",
}
BESIDES = "x.id <> ALL(%s)"


class TooBroad(Exception):
    """The database needed longer than a page may."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rows of a scope that hold the words and pass the filters, as SQL with its values.

    Rows with common words are met soon on a walk from the newest row on; those with rare words
    must come from the index of words, and the database cannot know which words are rare. Comments
    on the reflections `left_out` are no matches: to count them would tell their words.
    """

    scope: Scope
    query: str
    filters: tuple[tuple[str, Any], ...]  # conditions, each with its value
    is_common: bool = False
    left_out: tuple[int, ...] = ()

    @property
    def order(self) -> str:
        """What to order by: a sum keeps the database from walking along the ids."""
        return "d.id" if self.is_common else "(d.id + 0)"

    def sql(self, where: str = "") -> str:
        """Their ids without order or limit; the texts come from this module alone."""
        joins = self.scope.joins if self.filters else ""
        wanted = "".join(f" AND {condition}" for condition, _ in self.filters)
        if self.left_out:
            wanted += " AND coalesce(d.reflection_id, 0) <> ALL(%s)"
        return (
            f"SELECT d.id FROM {self.scope.table} d{joins}"
            f" WHERE {self.scope.vector} @@ to_tsquery('simple', %s){wanted}{where}"
        )

    @property
    def values(self) -> list[Any]:
        """What fills the places of `sql`."""
        left_out = [list(self.left_out)] if self.left_out else []
        return [self.query, *(value for _, value in self.filters), *left_out]


@dataclass(frozen=True, slots=True)
class Facets:
    """How the newest matches spread over a filter's values; `total` counts all of them."""

    total: int
    episodes: int
    counts: Mapping[str, list[tuple[Any, str, int]]]

    @property
    def is_capped(self) -> bool:
        """Whether there are more matches than were counted."""
        return self.total >= NEWEST_LOOKED_AT


def match_of(
    scope: Scope, words: Words, asked: Mapping[str, Any], left_out: Iterable[int] = ()
) -> Match:
    """The match of a valid form; to be made inside `bounded`.

    Deleted experiments are left out, unless it is one that was asked for by its id.
    """
    chosen = [(name, asked[name]) for name in FILTERS if name in asked]
    filters = [(FILTERS[n], v == "solved" if n == "outcome" else v) for n, v in chosen]
    query = words.as_query(scope.weight)
    is_common, deleted = _probe(scope, query)
    if deleted and "experiment" not in asked:
        filters.append((BESIDES, deleted))
    return Match(scope, query, tuple(filters), is_common, tuple(left_out))


def _probe(scope: Scope, query: str) -> tuple[bool, list[int]]:
    """Whether the newest rows hold enough of it, whatever the filters; the deleted experiments."""
    newest = f"(SELECT * FROM {scope.table} ORDER BY id DESC LIMIT %s) d"
    wanted = f"{scope.vector} @@ to_tsquery('simple', %s)"
    sql = (
        "SELECT count(*), set_config('statement_timeout', %s, true),"  # for what comes behind it
        " (SELECT array_agg(id) FROM experiments_experiment WHERE deleted_at IS NOT NULL)"
        f" FROM (SELECT 1 FROM {newest} WHERE {wanted} LIMIT %s) found"
    )
    ((number, _, deleted),) = _rows(sql, [str(LIMIT_MS), NEWEST_PROBED, query, COMMON_FROM])
    return number >= COMMON_FROM, deleted or []


def newest_ids(
    match: Match, *, before: int | None = None, after: int | None = None, limit: int
) -> list[int]:
    """Ids of one page, newest first; with `after`, those just newer than it, oldest first."""
    edge = after if after is not None else before
    where = "" if edge is None else f" AND d.id {'>' if after is not None else '<'} %s"
    order = "ASC" if after is not None else "DESC"
    sql = match.sql(where) + f" ORDER BY {match.order} {order} LIMIT %s"
    edges = [] if edge is None else [edge]
    return [row[0] for row in _rows(sql, [*match.values, *edges, limit])]


def looked_at(match: Match) -> list[int]:
    """Ids of the newest matches, which are counted and ranked: the words are asked for once."""
    return newest_ids(match, limit=NEWEST_LOOKED_AT)


def ranked(match: Match, ids: list[int]) -> list[int]:
    """The ids by how well they match; equal ones newest first."""
    rank = f"ts_rank({match.scope.vector}, to_tsquery('simple', %s))"
    sql = f"SELECT d.id FROM {match.scope.table} d WHERE d.id = ANY(%s)"
    return [row[0] for row in _rows(f"{sql} ORDER BY {rank} DESC, d.id DESC", [ids, match.query])]


def facets(match: Match, ids: list[int]) -> Facets:
    """Count these matches by each filter, in one query."""
    sql = (
        "SELECT x.environment, x.method, e.success, x.id, x.name, count(*), count(DISTINCT e.id)"
        f" FROM {match.scope.table} d{match.scope.joins} WHERE d.id = ANY(%s)"
        " GROUP BY GROUPING SETS ((x.environment), (x.method), (e.success), (x.id, x.name), ())"
        " ORDER BY count(*) DESC"
    )
    return _facets(_rows(sql, [ids]))


def _facets(rows: list[tuple[Any, ...]]) -> Facets:
    total = episodes = 0
    counts: dict[str, list[tuple[Any, str, int]]] = {name: [] for name in FILTERS}
    for environment, method, outcome, experiment, name, number, among in rows:
        if experiment is not None:
            counts["experiment"].append((experiment, name, number))
        elif environment is not None:
            counts["environment"].append((environment, environment, number))
        elif method is not None:
            counts["method"].append((method, method, number))
        elif outcome is not None:
            value = "solved" if outcome else "unsolved"
            counts["outcome"].append((value, value, number))
        else:
            total, episodes = max(total, number), max(episodes, among)
    return Facets(total, episodes, {name: values[:FACET_ROWS] for name, values in counts.items()})


def _rows(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


@contextmanager
def bounded() -> Iterator[None]:
    """A transaction whose queries may not keep the database busy; raises TooBroad."""
    try:
        with transaction.atomic():
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooBroad from error
        raise
