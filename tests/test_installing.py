"""The Makefile's way to an installation, with a stand-in for Python that installs nothing."""

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# Answers as Python does to what the Makefile asks, and writes down what it was asked.
PYTHON = """#!/bin/bash
echo "$@" >> asked
if [[ $1 == -m && $2 == venv ]]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
"""
BROKEN = '#!/bin/bash\necho "No module named pip" >&2\nexit 1\n'
BUILT = re.compile("torch|triton|nvidia-.*|cuda-.*")  # come with the chosen build of torch
DF = "#!/bin/bash\necho Filesystem; echo disk 1 1 {kilobytes} 1% /\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make install` reads, a Python to install with, and a disk with 50 GB of space."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    program(tmp_path / "bin" / "python3.11", PYTHON)
    program(tmp_path / "bin" / "df", DF.format(kilobytes=50_000_000))
    return tmp_path


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make(checkout: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run make there; the programs of the machine come after the stand-ins."""
    return subprocess.run(
        ["make", *words],
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def asked(checkout: Path) -> str:
    return (checkout / "asked").read_text()


def test_an_installation_takes_pinned_packages_and_a_pinned_pip(checkout: Path) -> None:
    done = make(checkout, "install")

    assert done.returncode == 0, done.stderr
    assert re.search(r"install .* pip==[\d.]+$", asked(checkout), re.M)
    assert "-r requirements.lock" in asked(checkout)
    assert f"3/4  {len(pinned())} pinned packages" in done.stdout


def test_a_half_made_environment_is_made_anew(checkout: Path) -> None:
    program(checkout / ".venv" / "bin" / "python", BROKEN)
    (checkout / ".venv" / "half").touch()

    done = make(checkout, "install")

    assert done.returncode == 0, done.stderr
    assert "-m venv .venv" in asked(checkout)
    assert not (checkout / ".venv" / "half").exists()


def test_a_whole_environment_is_kept(checkout: Path) -> None:
    program(checkout / ".venv" / "bin" / "python", PYTHON)

    assert make(checkout, "install").returncode == 0
    assert "venv" not in asked(checkout)


def test_a_missing_python_is_told_with_the_ways_to_one(checkout: Path) -> None:
    done = make(checkout, "up", "PYTHON=python3.11-of-nowhere")

    assert done.returncode != 0
    assert "apt-get install make python3.11 python3.11-venv" in done.stdout
    assert "uv python install 3.11, then make up PYTHON=$(uv python find 3.11)" in done.stdout
    assert "make up PYTHON=/path/to/python3.11" in done.stdout


@pytest.mark.parametrize(
    ("free", "words", "refused"),
    [
        (5, [], True),
        (9, [], False),
        (5, ["TORCH_SPEC=torch==2.13.0+cpu"], False),
        (1, ["TORCH_SPEC=torch==2.13.0+cpu"], True),
        (5, ["TORCH_ARGS=--index-url https://mirror/whl/cpu"], False),
        (1, ["NEEDED_GB=0"], False),
    ],
)
def test_too_little_space_is_told_before_anything_is_loaded(
    free: int, words: list[str], refused: bool, checkout: Path
) -> None:
    program(checkout / "bin" / "df", DF.format(kilobytes=free * 1_000_000))

    done = make(checkout, "install", *words)

    assert (done.returncode != 0) == refused, done.stdout
    assert (f"{free} GB are free here, and the installation needs" in done.stdout) == refused
    assert ("pip install" in asked(checkout)) != refused


def test_space_is_not_asked_for_where_torch_is_installed(checkout: Path) -> None:
    (checkout / ".venv" / "lib" / "python3.11" / "site-packages" / "torch").mkdir(parents=True)
    program(checkout / ".venv" / "bin" / "python", PYTHON)
    program(checkout / "bin" / "df", DF.format(kilobytes=1))

    assert make(checkout, "install").returncode == 0


def test_every_pinned_package_is_named_in_pyproject_or_needed_by_one_that_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    needed: set[str] = set()
    for line in direct:
        gather(Requirement(line), needed, set())

    assert {name for name in needed if not BUILT.fullmatch(name)} == pinned()


def test_the_lock_tells_what_writes_it_and_the_makefile_does() -> None:
    head = [line for line in lock_lines() if line.startswith("#")]
    rules = (ROOT / "Makefile").read_text()

    assert "`make lock`" in " ".join(head)
    assert re.search(r"^lock:", rules, re.M)


def lock_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text().splitlines()


def pinned() -> set[str]:
    return {canonicalize_name(line.partition("==")[0]) for line in lock_lines() if "==" in line}


def gather(wanted: Requirement, names: set[str], seen: set[tuple[str, frozenset[str]]]) -> None:
    """Add a package's name and those of all that it needs here; torch's own are asked for too."""
    key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
    if key in seen:
        return
    seen.add(key)
    names.add(key[0])
    for line in distribution(key[0]).requires or []:
        part = Requirement(line)
        extras = [*wanted.extras, ""]
        if part.marker is None or any(part.marker.evaluate({"extra": name}) for name in extras):
            gather(part, names, seen)
