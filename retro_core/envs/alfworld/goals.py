"""The goal of a game: whether it is won, and the share of its goal conditions that hold."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product

from retro_core.envs.alfworld.domain import DYNAMIC, STATES
from retro_core.envs.alfworld.pddl import Expression, Fact, Problem, typed_names
from retro_core.errors import InvalidInput

_MAX_ALTERNATIVES = 20_000

Facts = Mapping[str, Set[Fact]]
Binding = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Check:
    """A fact that must hold, or must not."""

    predicate: str
    arguments: Fact
    wanted: bool = True

    def holds(self, facts: Facts) -> bool:
        """Whether the state agrees."""
        return (self.arguments in facts.get(self.predicate, ())) == self.wanted


Condition = tuple[tuple[Check, ...], ...]
"""Alternatives, each a conjunction; the condition holds when one alternative does."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What wins the game, and the conditions that ALFRED counts on the way there."""

    needed: tuple[Condition, ...]
    conditions: tuple[Condition, ...]

    def won(self, facts: Facts) -> bool:
        """Whether the whole goal holds."""
        return all(_holds(condition, facts) for condition in self.needed)

    def fraction(self, facts: Facts) -> float:
        """The share of goal conditions that hold, in 0..1; 1 exactly when the game is won."""
        met = sum(_holds(condition, facts) for condition in self.conditions)
        return met / len(self.conditions)


def _holds(condition: Condition, facts: Facts) -> bool:
    return any(all(check.holds(facts) for check in checks) for checks in condition)


@dataclass(slots=True)
class _Query:
    """One conjunct of the goal: variables with types, literals, and pairs that must differ."""

    variables: dict[str, str]
    literals: list[Check]
    unequal: list[tuple[str, str]]


def compile_goal(problem: Problem) -> Goal:
    """Ground the goal over the names of the problem. Raises InvalidInput for unknown forms."""
    parts = problem.goal[1:] if _head(problem.goal) == "and" else [problem.goal]
    needed: list[Condition] = []
    conditions: list[Condition] = []
    for part in parts:
        query = _Query({}, [], [])
        _collect(part, query)
        whole = _ground(query, problem)
        needed.append(whole)
        conditions += [*_steps_towards(query, whole), whole]
    if not needed:
        raise InvalidInput("The goal of the PDDL problem is empty.")
    return Goal(tuple(needed), tuple(conditions))


def _head(expression: Expression) -> str:
    if isinstance(expression, list) and expression and isinstance(expression[0], str):
        return expression[0]
    raise InvalidInput("The goal of the PDDL problem is not a formula.")


def _collect(expression: Expression, query: _Query) -> None:
    """Add a formula of `and`, `exists`, `not` and plain facts to the query."""
    head, rest = _head(expression), list(expression[1:])
    if head == "and":
        for part in rest:
            _collect(part, query)
    elif head == "exists" and len(rest) == 2 and isinstance(rest[0], list):
        query.variables.update(typed_names(rest[0]))
        _collect(rest[1], query)
    elif head == "not" and len(rest) == 1 and _head(rest[0]) == "=":
        query.unequal.append(_pair(_words(rest[0])))
    elif head == "not" and len(rest) == 1:
        query.literals.append(Check(_head(rest[0]), _words(rest[0]), wanted=False))
    else:
        query.literals.append(Check(head, _words(expression)))


def _pair(words: Fact) -> tuple[str, str]:
    if len(words) != 2:
        raise InvalidInput("An equality of the goal does not compare two names.")
    return words[0], words[1]


def _words(expression: Expression) -> Fact:
    words = tuple(word for word in expression[1:] if isinstance(word, str))
    if len(words) != len(expression) - 1:
        raise InvalidInput(f"The goal form {_head(expression)!r} is not supported.")
    return words


def _changeable(query: _Query) -> list[Check]:
    return [check for check in query.literals if check.predicate in DYNAMIC or not check.wanted]


def _ground(query: _Query, problem: Problem) -> Condition:
    """Every way to bind the variables that the fixed facts allow, as checks of changing facts."""
    fixed = [check for check in query.literals if check.predicate not in DYNAMIC and check.wanted]
    alternatives: dict[tuple[Check, ...], None] = {}
    for partial in _bindings(fixed, problem, {}, query.variables):
        for binding in _completed(partial, query.variables, problem):
            if any(binding.get(a, a) == binding.get(b, b) for a, b in query.unequal):
                continue
            alternatives[tuple(_bind(check, binding) for check in _changeable(query))] = None
            if len(alternatives) > _MAX_ALTERNATIVES:
                raise InvalidInput("The goal of the PDDL problem has too many alternatives.")
    return tuple(alternatives)


def _bind(check: Check, binding: Binding) -> Check:
    arguments = tuple(binding.get(word, word) for word in check.arguments)
    return Check(check.predicate, arguments, check.wanted)


def _bindings(
    fixed: Sequence[Check], problem: Problem, binding: Binding, variables: Mapping[str, str]
) -> Iterator[Binding]:
    """Join the fixed literals, one after the other."""
    if not fixed:
        yield binding
        return
    for fact in sorted(problem.facts.get(fixed[0].predicate, ())):
        extended = _match(fixed[0].arguments, fact, binding, variables, problem)
        if extended is not None:
            yield from _bindings(fixed[1:], problem, extended, variables)


def _match(
    pattern: Fact, fact: Fact, binding: Binding, variables: Mapping[str, str], problem: Problem
) -> Binding | None:
    if len(pattern) != len(fact):
        return None
    extended = dict(binding)
    for word, name in zip(pattern, fact, strict=True):
        if word in variables and word not in extended:
            if problem.types.get(name) != variables[word]:
                return None
            extended[word] = name
        elif extended.get(word, word) != name:
            return None
    return extended


def _completed(
    binding: Binding, variables: Mapping[str, str], problem: Problem
) -> Iterator[Binding]:
    """Bind the variables that no fixed literal mentions to every name of their type."""
    free = [variable for variable in variables if variable not in binding]
    choices = [[n for n, kind in problem.types.items() if kind == variables[v]] for v in free]
    for names in product(*choices):
        yield {**binding, **dict(zip(free, names, strict=True))}


def _steps_towards(query: _Query, whole: Condition) -> list[Condition]:
    """The conditions counted before the whole: each state alone, and being in place alone.

    An object that must be changed and placed counts for three (changed, placed, both on the same
    object), two objects in one place count one each.
    """
    changeable = _changeable(query)
    states = [i for i, check in enumerate(changeable) if check.predicate in STATES]
    others = [i for i, check in enumerate(changeable) if check.predicate not in STATES]
    if query.unequal:
        return [_project(whole, others[:1])]
    if not states or len(changeable) < 2:
        return []
    return [_project(whole, [i]) for i in states] + ([_project(whole, others)] if others else [])


def _project(condition: Condition, kept: Sequence[int]) -> Condition:
    return tuple(dict.fromkeys(tuple(checks[i] for i in kept) for checks in condition))
