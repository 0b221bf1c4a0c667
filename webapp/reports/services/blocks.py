"""Blocks of a report: fenced pieces of its Markdown that are drawn instead of shown as code."""

import hashlib
from dataclasses import dataclass

from markdown_it import MarkdownIt

KINDS = ("curve", "experiments", "episode", "reflection")
LONGEST_NUMBER = 18  # digits of a database id
FROZEN = "frozen"
_PARSER = MarkdownIt("commonmark")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its kind, its `name: value` lines, and whether it keeps what it showed."""

    kind: str
    is_frozen: bool
    options: dict[str, str]
    key: str

    def numbers(self, name: str, most: int) -> list[int]:
        """The ids that an option lists, at most so many."""
        parts = self.options.get(name, "").replace("#", " ").replace(",", " ").split()
        wholes = [part for part in parts if part.isascii() and part.isdigit()]
        return [int(part) for part in wholes if len(part) <= LONGEST_NUMBER][:most]


def split(text: str) -> list[str | Block]:
    """The pieces of a text in order: Markdown and blocks.

    The parser counts lines by their feeds; `splitlines` would cut at more characters than it does.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    pieces: list[str | Block] = []
    done = 0
    for token in _PARSER.parse(text):
        kind = token.info.split()[0] if token.info.split() else ""
        if token.type != "fence" or token.level or kind not in KINDS or token.map is None:
            continue
        first, after = token.map
        pieces += ["\n".join(lines[done:first]), _block(kind, token.info, token.content)]
        done = after
    pieces.append("\n".join(lines[done:]))
    return [piece for piece in pieces if isinstance(piece, Block) or piece.strip()]


def blocks(text: str) -> list[Block]:
    """The blocks alone."""
    return [piece for piece in split(text) if isinstance(piece, Block)]


def _block(kind: str, info: str, body: str) -> Block:
    pairs = [line.partition(":") for line in body.split("\n") if ":" in line]
    options = {name.strip().lower(): value.strip() for name, _, value in pairs}
    digest = hashlib.sha256(f"{info.strip()}\n{body.strip()}".encode()).hexdigest()
    return Block(kind, FROZEN in info.split()[1:], options, digest)
