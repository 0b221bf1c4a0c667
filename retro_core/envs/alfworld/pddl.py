"""Reads a PDDL problem into typed names, facts and a goal expression."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retro_core.errors import InvalidInput

Expression: TypeAlias = "str | list[Expression]"
Fact = tuple[str, ...]

_COMMENT = re.compile(r";[^\n]*")
_TOKEN = re.compile(r"[()]|[^\s()]+")
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """The parts of a PDDL problem that a game needs; every name is in lower case, as planners read.

    `types` maps a name to its type, `facts` a predicate to the argument tuples that hold at first.
    """

    types: Mapping[str, str]
    facts: Mapping[str, frozenset[Fact]]
    goal: Expression


def parse_problem(text: str) -> Problem:
    """Read a problem. Raises InvalidInput saying what is wrong with the text."""
    sections = {
        section[0]: section[1:]
        for section in _parse(text)
        if isinstance(section, list) and section and isinstance(section[0], str)
    }
    for name in (":objects", ":init", ":goal"):
        if not sections.get(name):
            raise InvalidInput(f"The PDDL problem has no {name} section.")
    goal = sections[":goal"][0]
    return Problem(_read_types(sections[":objects"]), _read_facts(sections[":init"]), goal)


def _parse(text: str) -> list[Expression]:
    root: list[Expression] = []
    open_lists = [root]
    for token in _TOKEN.findall(_COMMENT.sub("", text).lower()):
        if token == "(":
            inner: list[Expression] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token == ")":
            open_lists.pop()
        else:
            open_lists[-1].append(token)
        if not 1 <= len(open_lists) <= _MAX_DEPTH:
            raise InvalidInput("The parentheses of the PDDL problem do not match.")
    if len(open_lists) != 1 or len(root) != 1 or not isinstance(root[0], list):
        raise InvalidInput("The PDDL problem is not one closed (define ...) form.")
    return root[0]


def typed_names(items: Sequence[Expression]) -> list[tuple[str, str]]:
    """Read `a b - kind c - other` into pairs of name and type."""
    pairs: list[tuple[str, str]] = []
    waiting: list[str] = []
    words = iter(items)
    for word in words:
        if not isinstance(word, str):
            raise InvalidInput("A list of typed names holds a parenthesis.")
        if word != "-":
            waiting.append(word)
            continue
        kind = next(words, "")
        if not isinstance(kind, str) or not kind:
            raise InvalidInput("A list of typed names ends before the type.")
        pairs += [(name, kind) for name in waiting]
        waiting = []
    return pairs + [(name, "object") for name in waiting]


def _read_types(items: Sequence[Expression]) -> Mapping[str, str]:
    return dict(typed_names(items))


def _read_facts(items: Sequence[Expression]) -> Mapping[str, frozenset[Fact]]:
    facts: dict[str, set[Fact]] = defaultdict(set)
    for item in items:
        if not isinstance(item, list) or not item or not isinstance(item[0], str):
            raise InvalidInput("The :init section holds something that is not a fact.")
        if item[0] in ("=", "not"):
            continue  # distances and costs shape no game, and what is not stated is false
        arguments = tuple(word for word in item[1:] if isinstance(word, str))
        if len(arguments) != len(item) - 1:
            raise InvalidInput(f"The fact {item[0]} of the :init section is nested.")
        facts[item[0]].add(arguments)
    return {predicate: frozenset(tuples) for predicate, tuples in facts.items()}
