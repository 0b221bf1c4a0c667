"""A package outside the project adds an environment by its entry point alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "echo_world"
PLAY = """
import json
from retro_core.envs.base import registered
from retro_core.prompts.texts import load_prompts
spec = registered()["echo_world"]
task = spec.generate(count=1, split="train", seed=0)[0]
env = spec.create()
env.reset(task)
steps = [env.step(f"say {word}") for word in reversed(task.payload["words"])]
print(json.dumps({
    "names": sorted(registered()),
    "success": steps[-1].info.success,
    "return": sum(step.reward for step in steps),
    "instructions": load_prompts(spec.prompt_folder).text("instructions"),
}))
"""


def run(*arguments: str) -> str:
    command = (sys.executable, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def beside(folder: Path, code: str) -> str:
    """Run code in a fresh interpreter that also sees the packages of a folder."""
    return run("-c", f"import sys\nsys.path.append({str(folder)!r})\n{code}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built and installed into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "echo_world"
    shutil.copytree(EXAMPLE, source)
    target = tmp_path_factory.mktemp("target")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    run("-m", "pip", "install", *offline, "--target", str(target), str(source))
    return target


def test_an_installed_package_is_found_and_played(installed: Path) -> None:
    played = json.loads(beside(installed, PLAY))

    assert {"alfworld", "echo_world", "hotpotqa", "webshop"} <= set(played["names"])
    assert played["success"] is True
    assert played["return"] == pytest.approx(1.0)
    assert played["instructions"].startswith("You repeat words")


@pytest.mark.slow
def test_the_installed_world_keeps_what_every_environment_promises(installed: Path) -> None:
    suite = str(Path(__file__).with_name("test_env_conformance.py"))
    alone = ["-q", "--noconftest", "-c", "/dev/null", "-p", "no:django", "-p", "no:cacheprovider"]
    arguments = [*alone, "-k", "echo_world", suite]

    shown = beside(installed, f"import pytest\nsys.exit(pytest.main({arguments!r}))")

    assert " passed" in shown


def test_a_package_that_cannot_be_imported_leaves_the_others(
    installed: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(installed, broken)
    shutil.rmtree(broken / "echo_world")

    names = json.loads(
        beside(
            broken,
            "import json\nfrom retro_core.envs.base import registered\n"
            "print(json.dumps(sorted(registered())))",
        )
    )

    assert "alfworld" in names
    assert "echo_world" not in names
