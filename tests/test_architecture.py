"""ARCHITECTURE.md describes the repository as it is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITHIN = re.compile(
    r"^(tests|templates|examples/echo_world|retro_core/prompts|retro_core/actors)/|/(migrations|management)(/|$)"
    r"|^webapp/\w+/(views|forms|models|services)$"
)


def test_every_folder_has_its_caption_and_every_caption_its_folder():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    tree = text.partition("## The tree")[2].split("```")[1]
    captions = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in tree.strip().splitlines())

    assert set(captions) == _folders()


def _folders():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    folders = {str(Path(name).parent) for name in listed} - {"."}
    return {folder for folder in folders if not WITHIN.search(folder)}
