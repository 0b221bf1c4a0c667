"""The columns of the experiments list: which there are, and which the address asks for."""

from dataclasses import dataclass

from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sort` names its order where it has one."""

    name: str
    title: str
    sort: str = ""
    is_number: bool = False
    note: str = ""


COLUMNS = [
    Column("status", "Status"),
    Column("method", "Method"),
    Column("curve", "Success by trial", "success"),
    Column("tasks", "Tasks ended", "tasks"),
    Column("delta", "Mean ΔG", "delta", True, "Mean effective rating of its reflections"),
    Column("positive", "Positive", "", True, "Share of ratings above 0"),
    Column("corrected", "Corrected", "", True, "Share of ratings that people changed"),
    Column("alpha", "Alpha", "", True, "Krippendorff's alpha of people's ratings"),
    Column("adapter", "Adapter"),
    Column("episodes", "Episodes", "episodes", True),
    Column("cost", "Cost", "tokens", True, "Tokens, and time from start to end"),
    Column("tags", "Tags"),
    Column("owner", "Owner"),
    Column("created", "Created", "created"),
]
BY_NAME = {column.name: column for column in COLUMNS}
USUAL = ("status", "method", "curve", "tasks", "delta", "cost", "tags", "owner", "created")


def chosen_columns(query: QueryDict) -> list[Column]:
    """From `cols=a,b` or `cols=a&cols=b`, in the order of the list; the usual ones if none."""
    asked = ",".join(query.getlist("cols")).split(",")
    wanted = {name for name in asked if name in BY_NAME} or set(USUAL)
    return [column for column in COLUMNS if column.name in wanted]
