"""Many rows at once: COPY, without the indexes that are cheaper to build afterwards."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone

LATER = {
    "episodes_step": ["step_search", "step_action_search"],
    "episodes_reflection": ["reflection_search"],
}
Row = dict[str, Any]  # a column's values are of any type


def copy_rows(model: type[Model], rows: Iterable[Row]) -> int:
    """Write rows of a model by COPY; a column that a row leaves out gets the field's default."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return 0
    fields = [
        one
        for one in model._meta.concrete_fields
        if not one.primary_key or one.column in first  # else the database numbers them
    ]
    columns = [field.column for field in fields]
    defaults = [_default(field) for field in fields]
    places = {column: place for place, column in enumerate(columns)}
    names = ", ".join(f'"{column}"' for column in columns)
    command = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
    written = 0
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for row in chain([first], rows):
            values = defaults.copy()
            for column, value in row.items():
                values[places[column]] = value
            copy.write_row(values)
            written += 1
    return written


def _default(field: Any) -> Any:  # of any field
    value = field.get_default()
    if getattr(field, "auto_now_add", False):
        return timezone.now()
    if isinstance(value, dict) or (isinstance(value, list) and not hasattr(field, "base_field")):
        return json.dumps(value)
    return value


def last_pk(model: type[Model]) -> int:
    """The largest number given so far; 0 in an empty table."""
    newest = model._base_manager.order_by("-pk").values_list("pk", flat=True).first()
    return int(newest or 0)


def go_on_after(models: Iterable[type[Model]]) -> None:
    """Let the sequences give the numbers after those written by hand."""
    with connection.cursor() as cursor:
        for model in models:
            table = model._meta.db_table
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence(%s, 'id'), (SELECT max(id) FROM {table}))",
                [table],
            )


@contextmanager
def without_checks(say: Callable[[str], None]) -> Iterator[None]:
    """No word indexes and no checks of foreign keys inside; both are back behind it."""
    with connection.cursor() as cursor:
        definitions = _definitions(cursor)
        for name in definitions:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if (cursor.fetchone() or [False])[0]:
            cursor.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET session_replication_role")
            cursor.execute("SET maintenance_work_mem = '512MB'")
            for name, definition in definitions.items():
                say(f"index {name}")
                cursor.execute(definition)


def _definitions(cursor: Any) -> dict[str, str]:
    names = [name for group in LATER.values() for name in group]
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [names])
    return dict(cursor.fetchall())
