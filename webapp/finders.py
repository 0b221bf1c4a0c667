"""Static files that lie inside installed packages but are no Django app's."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PLOTLY = "plotly/plotly.min.js"


class PlotlyFinder(BaseFinder):
    """Serves the browser's half of plotly as `plotly/plotly.min.js`, and nothing else of it."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        spec = find_spec("plotly")
        places = spec.submodule_search_locations if spec else None
        self.folder = Path(next(iter(places or [""]))) / "package_data"
        self.storage = FileSystemStorage(location=self.folder)
        self.storage.prefix = "plotly"  # type: ignore[attr-defined] # read by collectstatic

    # Django's own signature returns a str or a list, by `find_all` or the older `all`.
    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """The file's place if `path` names it."""
        found = str(self.folder / "plotly.min.js") if path == PLOTLY else None
        return ([found] if found else []) if find_all else (found or [])

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        """The one file, for collectstatic."""
        yield "plotly.min.js", self.storage
