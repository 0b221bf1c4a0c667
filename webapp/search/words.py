"""What a person types, as a query of the database and as marks in an excerpt."""

import re
from dataclasses import dataclass

MOST_TERMS = 12
SHORTEST_PREFIX = 2
TERM = re.compile(r'(?P<out>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow each other; the last may be the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool
    is_excluded: bool

    def as_query(self, weight: str) -> str:
        """In the language of to_tsquery. The words hold letters and digits alone."""
        mark = f":{weight}" if weight else ""
        ending = f":*{weight}" if self.is_prefix else mark
        text = "".join(f"'{word}'{mark} <-> " for word in self.words[:-1])
        text += f"'{self.words[-1]}'{ending}"
        return f"!({text})" if self.is_excluded else f"({text})"

    def as_pattern(self) -> str:
        """A regular expression that finds the term in a text, at whole words."""
        inner = r"[\W_]+".join(re.escape(word) for word in self.words)
        return rf"(?<![^\W_]){inner}" + (r"[^\W_]*" if self.is_prefix else r"(?![^\W_])")


@dataclass(frozen=True, slots=True)
class Words:
    """A parsed query."""

    terms: tuple[Term, ...] = ()

    @property
    def says_something(self) -> bool:
        """Exclusions alone would match nearly everything: one word must be asked for."""
        return any(not term.is_excluded for term in self.terms)

    def as_query(self, weight: str = "") -> str:
        """In the language of to_tsquery: all terms together, in the texts of that weight."""
        return " & ".join(term.as_query(weight) for term in self.terms)

    def pattern(self) -> re.Pattern[str]:
        """Finds any term that is asked for."""
        wanted = [term.as_pattern() for term in self.terms if not term.is_excluded]
        return re.compile("|".join(wanted) or r"(?!)", re.IGNORECASE)


def parse(text: str) -> Words:
    """Read `red mug`, `"red mug"`, `mug*`, `-mug`; marks inside a word cut it into a phrase."""
    terms = [term for found in TERM.finditer(text) if (term := _term(found))]
    return Words(tuple(terms[:MOST_TERMS]))


def _term(found: re.Match[str]) -> Term | None:
    typed = found["phrase"] if found["phrase"] is not None else found["word"]
    words = tuple(word[:LONGEST_WORD].lower() for word in WORD.findall(typed))
    if not words:
        return None
    starred = typed.rstrip().endswith("*") and len(words[-1]) >= SHORTEST_PREFIX
    return Term(words, is_prefix=starred, is_excluded=bool(found["out"]))
