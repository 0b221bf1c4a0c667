"""`make test` as far as it depends on the machine: with and without a browser, here and in CI."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser.conftest import chromium_program

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that holds neither a browser nor what could install one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "env", "id", "make"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return programs


def run(machine: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with these programs alone."""
    return subprocess.run(
        words,
        cwd=ROOT,
        env={"PATH": str(machine), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def make_browser(machine: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`make browser` where all is installed, whatever this checkout holds."""
    return run(machine, "make", "-o", ".venv/installed", "browser", **environment)


def test_without_a_browser_its_tests_are_left_out_by_name(machine: Path) -> None:
    done = make_browser(machine)

    assert done.returncode == 0, done.stderr
    assert "SKIPPED: the browser tests." in done.stdout
    assert "apt-get install chromium" in done.stderr


def test_in_ci_a_missing_browser_fails(machine: Path) -> None:
    done = make_browser(machine, CI="true")

    assert done.returncode != 0
    assert "apt-get install chromium" in done.stderr


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_make_and_the_tests_find_a_browser_wherever_the_path_leads(
    name: str, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = machine / name
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(machine))

    found = run(machine, ".ci/chromium.sh")

    assert (found.returncode, found.stdout) == (0, f"{browser}\n")
    assert chromium_program() == str(browser)
