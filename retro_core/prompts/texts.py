"""The prompt texts of one environment, read from its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

from retro_core.errors import InvalidInput

COMMON_FOLDER = "common"


@dataclass(frozen=True)
class PromptSet:
    """The texts of one environment by file name without suffix; common texts fill the gaps.

    An environment's folder holds `instructions.txt` and may hold `example_1.txt`, `example_2.txt`,
    `fixed_advice.txt`, `reflection_example_1.txt` with its answers `..._free.txt` and
    `..._structured.txt`, `plan_command.txt` and `plan_name.txt` (see grammar.py), and its own
    version of any common text.
    """

    name: str
    texts: Mapping[str, str]

    def text(self, key: str) -> str:
        """One text. Raises InvalidInput if neither folder has it."""
        if key not in self.texts:
            raise InvalidInput(f"The prompt folder {self.name!r} lacks {key}.txt.")
        return self.texts[key]

    def optional(self, key: str) -> str:
        """One text, or empty where no folder has it."""
        return self.texts.get(key, "")

    def fill(self, key: str, **values: str) -> str:
        """One text with its `$name` places filled."""
        return Template(self.text(key)).substitute(values)


@cache
def load_prompts(folder: str) -> PromptSet:
    """Read a folder below retro_core/prompts, or `package:folder` of another package."""
    package, _, path = folder.rpartition(":")
    try:
        root = files(package or "retro_core.prompts")
    except ImportError as error:
        raise InvalidInput(f"No prompt folder {folder!r}: {error}.") from error
    own = root.joinpath(path)
    if not own.is_dir():
        raise InvalidInput(f"No prompt folder {folder!r}.")
    common = files("retro_core.prompts").joinpath(COMMON_FOLDER)
    return PromptSet(folder, {**_texts(common), **_texts(own)})


def _texts(folder: Traversable) -> dict[str, str]:
    return {
        entry.name.removesuffix(".txt"): entry.read_text(encoding="utf-8").rstrip("\n")
        for entry in folder.iterdir()
        if entry.name.endswith(".txt")
    }
