"""Templates, the stylesheet and the scripts can be read and compared line by line."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_LINE = 160
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = sorted([*(ROOT / "static").glob("*.css"), *(ROOT / "static").glob("*.js")])
# Django shows a tag that is broken over two lines as text.
BROKEN_TAG = re.compile(r"\{%[^%\n]*\n|\{\{[^}\n]*\n")


def test_no_line_is_longer_than_160_characters() -> None:
    assert TEMPLATES
    assert STATIC
    too_long = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)}"
        for path in TEMPLATES + STATIC
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]

    assert too_long == []


def test_every_tag_of_a_template_stays_on_its_line() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {found[0].strip()}"
        for path in TEMPLATES
        for found in BROKEN_TAG.finditer(path.read_text(encoding="utf-8"))
    ]

    assert broken == []
