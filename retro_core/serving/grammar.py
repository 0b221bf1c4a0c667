"""Grammars: what a constraint allows next, and which constraints are choices among strings."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from torch import Tensor

from retro_core.serving.problems import Problem

MAX_GRAMMAR_CHARACTERS = 100_000
SPECIAL_IN_REGEX = re.compile(r"(?<!\\)[\[\]{}()*+?.^$|]")


@dataclass(frozen=True, slots=True)
class Choice:
    """A constraint that allows exactly these strings.

    `key` names the one property of the JSON object they are wrapped in; `json_encoded` says
    that the answer is JSON and not the bare string.
    """

    candidates: tuple[str, ...]
    key: str | None = None
    json_encoded: bool = True

    def written(self, candidate: str) -> str:
        """Write a candidate in the form the constraint asks for."""
        if not self.json_encoded:
            return candidate
        value: object = candidate if self.key is None else {self.key: candidate}
        return json.dumps(value, ensure_ascii=False)


class Grammars:
    """Compiles constraints for one tokenizer."""

    def __init__(self, folder: Path, end_token: int) -> None:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        self._tokenizer = LLTokenizer(text, eos_token=end_token)

    def regex(self, pattern: str) -> "Constraint":
        """Compile a regular expression that the whole text must match."""
        _check_length(pattern)
        return self._compiled(LLMatcher.grammar_from_regex(pattern))

    def json_schema(self, schema: Mapping[str, Any] | bool) -> "Constraint":
        """Compile a JSON schema; text outside the schema's properties is never allowed."""
        text = json.dumps(schema)
        _check_length(text)
        return self._compiled(LLMatcher.grammar_from_json_schema(text))

    def _compiled(self, grammar: str) -> "Constraint":
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise Problem(f"grammar is not valid: {_reason(matcher)}", field="grammar")
        return Constraint(matcher)


class GrammarExhausted(Exception):
    """A valid grammar outgrew the limits of its library while a text was written."""


class Constraint:
    """A compiled grammar, advanced token by token by one sequence."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def copy(self) -> "Constraint":
        """A second one at the same point, for another sequence."""
        return Constraint(self._matcher.deep_copy())

    def allowed(self) -> Tensor:
        """True for every token that may come next (vocabulary,). Raises GrammarExhausted."""
        bias = self._matcher.compute_logit_bias()
        if self._matcher.is_error():
            raise GrammarExhausted(_reason(self._matcher))
        return torch.frombuffer(bytearray(bias), dtype=torch.uint8) != 0

    def advance(self, token: int) -> bool:
        """Take a token; return whether more may follow."""
        return bool(self._matcher.consume_token(token)) and not self._matcher.is_stopped()


def choice_in_schema(schema: object) -> Choice | None:
    """Read a string enum, or an object with one required string enum, as a choice."""
    if not isinstance(schema, Mapping):
        return None
    values = _string_enum(schema)
    if values is not None:
        return Choice(values)
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or len(properties) != 1:
        return None
    key, inner = next(iter(properties.items()))
    values = _string_enum(inner) if isinstance(inner, Mapping) else None
    if values is None or schema.get("required") != [key]:
        return None
    return Choice(values, key=key)


def choice_in_regex(pattern: str) -> Choice | None:
    """Read an alternation of literals, in one group or none, as a choice."""
    inner = re.fullmatch(r"\((?:\?:)?(.*)\)", pattern, re.DOTALL)
    body = inner.group(1) if inner else pattern
    literals = tuple(_literal(part) for part in re.split(r"(?<!\\)\|", body))
    if len(literals) < 2 or None in literals:
        return None
    return Choice(tuple(dict.fromkeys(text for text in literals if text)), json_encoded=False)


def _literal(part: str) -> str | None:
    """Undo the escapes of a pattern without operators; None where it is more than a literal."""
    plain = re.sub(r"\\\\", "", part)
    if not part or SPECIAL_IN_REGEX.search(plain) or re.search(r"\\[A-Za-z0-9]", plain):
        return None
    return re.sub(r"\\(.)", r"\1", part)


def _string_enum(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    values = schema.get("enum")
    if not isinstance(values, list) or not values:
        return None
    if not all(isinstance(value, str) for value in values):
        return None
    return tuple(dict.fromkeys(values))


def _reason(matcher: LLMatcher) -> str:
    """The library's message without its dump of internal state."""
    return str(matcher.get_error()).partition("\n<state>")[0]


def _check_length(text: str) -> None:
    if len(text) > MAX_GRAMMAR_CHARACTERS:
        raise Problem(
            f"grammar must have at most {MAX_GRAMMAR_CHARACTERS} characters; given {len(text)}",
            field="grammar",
        )
