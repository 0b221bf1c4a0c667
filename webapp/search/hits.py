"""The queries of the search page. Each is bounded, however common the word."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from webapp.search.scopes import Scope
from webapp.search.words import Words

NEWEST_LOOKED_AT = 500  # matches that are counted and ranked
LIMIT_MS = 3_000
FACET_ROWS = 8
FILTERS = {
    "environment": "x.environment = %s",
    "method": "x.method = %s",
    "experiment": "x.id = %s",
    "outcome": "e.success = %s",
}


class TooBroad(Exception):
    """The database needed longer than a page may."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rows of a scope that hold the words and pass the filters, as SQL with its values."""

    scope: Scope
    query: str
    filters: tuple[tuple[str, Any], ...]

    def sql(self, columns: str, *, joined: bool, where: str = "") -> str:
        """The rows without order or limit; the texts come from this module alone."""
        joins = self.scope.joins if joined or self.filters else ""
        wanted = "".join(f" AND {FILTERS[name]}" for name, _ in self.filters)
        return (
            f"SELECT {columns} FROM {self.scope.table} d{joins}"
            f" WHERE {self.scope.vector} @@ to_tsquery('simple', %s){wanted}{where}"
        )

    @property
    def values(self) -> list[Any]:
        """What fills the places of `sql`."""
        return [self.query, *(value for _, value in self.filters)]


@dataclass(frozen=True, slots=True)
class Facets:
    """How the newest matches spread over a filter's values; `total` counts all of them."""

    total: int
    counts: Mapping[str, list[tuple[Any, str, int]]]

    @property
    def is_capped(self) -> bool:
        """Whether there are more matches than were counted."""
        return self.total >= NEWEST_LOOKED_AT


def match_of(scope: Scope, words: Words, asked: Mapping[str, Any]) -> Match:
    """The match of a valid form."""
    chosen = [(name, asked[name]) for name in FILTERS if name in asked]
    filters = tuple((n, v == "solved" if n == "outcome" else v) for n, v in chosen)
    return Match(scope, words.as_query(scope.weight), filters)


def newest_ids(match: Match, *, before: int | None, after: int | None, limit: int) -> list[int]:
    """Ids of one page, newest first; with `after`, those just newer than it, oldest first."""
    edge = after if after is not None else before
    where = "" if edge is None else f" AND d.id {'>' if after is not None else '<'} %s"
    order = "ASC" if after is not None else "DESC"
    sql = match.sql("d.id", joined=False, where=where) + f" ORDER BY d.id {order} LIMIT %s"
    edges = [] if edge is None else [edge]
    return [row[0] for row in _rows(sql, [*match.values, *edges, limit])]


def best_ids(match: Match, *, skip: int, limit: int) -> list[int]:
    """Ids by how well they match, among the newest ones: ranking reads every row it ranks."""
    rank = f"ts_rank({match.scope.vector}, to_tsquery('simple', %s)) AS rank"
    newest = match.sql(f"d.id, {rank}", joined=False) + " ORDER BY d.id DESC LIMIT %s"
    sql = f"SELECT id FROM ({newest}) found ORDER BY rank DESC, id DESC OFFSET %s LIMIT %s"
    values = [match.query, *match.values, NEWEST_LOOKED_AT, skip, limit]
    return [row[0] for row in _rows(sql, values)]


def facets(match: Match) -> Facets:
    """Count the newest matches by each filter, in one query."""
    columns = (
        "x.environment AS environment, x.method AS method, e.success AS outcome,"
        " x.id AS experiment, x.name AS name"
    )
    newest = match.sql(columns, joined=True) + " ORDER BY d.id DESC LIMIT %s"
    sql = (
        "SELECT environment, method, outcome, experiment, name, count(*)"
        f" FROM ({newest}) found GROUP BY GROUPING SETS"
        " ((environment), (method), (outcome), (experiment, name), ()) ORDER BY count(*) DESC"
    )
    return _facets(_rows(sql, [*match.values, NEWEST_LOOKED_AT]))


def _facets(rows: list[tuple[Any, ...]]) -> Facets:
    total = 0
    counts: dict[str, list[tuple[Any, str, int]]] = {name: [] for name in FILTERS}
    for environment, method, outcome, experiment, name, number in rows:
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
            total = max(total, number)
    return Facets(total, {name: values[:FACET_ROWS] for name, values in counts.items()})


def _rows(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


@contextmanager
def bounded() -> Iterator[None]:
    """Queries inside may not keep the database busy; raises TooBroad."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}")
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooBroad from error
        raise
