"""Packages of others that name environments: in a folder, and seen until the test ends."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retro_core.envs import base
from webapp.worlds import page

Install = Callable[[str, str], None]

WORLD = """
from retro_core.envs.base import EnvInfo, EnvSpec, Transition
from retro_core.types import Task

class Bell:
    def reset(self, task):
        return "A bell.", EnvInfo(admissible_actions=("ring",))
    def step(self, action):
        return Transition("Dong.", 1.0, True, False, EnvInfo(success=True, score=1.0))

def generate(*, count, split, seed):
    return [Task(f"bell-{seed}-{n}", "bell", "Ring.", split, payload={"n": n})
            for n in range(count)]

def spec(**changed):
    told = dict(
        name="bell", title="Bell", description="Ring it.", create=Bell, generate=generate,
        splits=("train",), default_max_steps=4, default_trials=2, prompt_folder="hotpotqa",
        success_meaning="It rang.",
    )
    return EnvSpec(**{**told, **changed})
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Write `package` with an entry point to its SPEC; `source` follows the world above."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    written: list[str] = []

    def write(package: str, source: str) -> None:
        (folder / f"{package}.py").write_text(f"{WORLD}\n{source}\n")
        told = folder / f"{package}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text(
            f"[{base.ENTRY_POINT_GROUP}]\n{package} = {package}:SPEC\n"
        )
        written.append(package)
        _forget()

    yield write
    monkeypatch.undo()
    for package in written:
        sys.modules.pop(package, None)
    _forget()


def _forget() -> None:
    base._discovered.cache_clear()
    page.sample.cache_clear()
