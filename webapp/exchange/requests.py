"""What a person asked of a transfer, as the row stores it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from webapp.exchange.leaving import Scope
from webapp.exchange.writing import Format

ImportKind = Literal["auto", "hotpotqa", "webshop", "alfworld"]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Tables of some experiments and task sets; None is all of them."""

    tables: list[str]
    format: Format = "parquet"
    experiments: list[int] | None = None
    task_sets: list[int] | None = None

    @property
    def scope(self) -> Scope:
        return Scope(self.experiments, self.task_sets)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A file, uploaded (its name) or on the server (its path), and how to read it."""

    file: str = ""
    server_path: str = ""
    kind: ImportKind = "auto"
    task_set: str = ""
    split: str = ""
    skip_bad: bool = False


def as_json(request: ExportRequest | ImportRequest) -> dict[str, Any]:
    """For the row."""
    return asdict(request)
