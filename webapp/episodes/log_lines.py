"""One line of a recorded log: checked, and turned into records."""

import json
from dataclasses import dataclass
from typing import Any, get_args

from retro_core.config import Method
from retro_core.errors import InvalidInput
from retro_core.types import Step

METHODS = get_args(Method)
LONGEST_LINE = 32 * 1024 * 1024  # bytes
LAST_TRIAL = 32767
LARGEST_NUMBER = 1e12
REQUIRED: dict[str, tuple[type, ...]] = {
    "experiment": (str,),
    "environment": (str,),
    "method": (str,),
    "task_id": (str,),
    "trial": (int,),
    "steps": (list,),
    "success": (bool,),
    "episode_return": (float, int),
    "truncated": (bool,),
}
OPTIONAL_TEXTS = ("actor", "goal", "gold_answer", "final_answer", "reflection")
LONGEST = {"experiment": 160, "environment": 60, "task_id": 200, "actor": 120}  # characters
TYPE_WORDS = {
    str: "text",
    int: "a whole number",
    list: "a list",
    bool: "true or false",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """A recorded episode, as the line tells it. Empty texts are missing ones."""

    number: int
    experiment: str
    environment: str
    method: Method
    actor: str
    task_id: str
    goal: str
    gold_answer: str
    trial: int
    steps: tuple[Step, ...]
    success: bool
    episode_return: float
    truncated: bool
    final_answer: str
    reflection: str


def read_line(line: bytes, number: int) -> LogLine:
    """Check everything that one line alone can tell. Raises InvalidInput with the reason."""
    values = _parsed(line)
    _check_required(values)
    texts = {name: _optional_text(values, name) for name in OPTIONAL_TEXTS}
    for name, limit in LONGEST.items():
        if len(values.get(name) or "") > limit:
            raise InvalidInput(f"{name} is longer than {limit} characters")
    return LogLine(
        number=number,
        experiment=values["experiment"],
        environment=values["environment"],
        method=values["method"],
        task_id=values["task_id"],
        trial=values["trial"],
        steps=tuple(_step(step, place) for place, step in enumerate(values["steps"], start=1)),
        success=values["success"],
        episode_return=float(values["episode_return"]),
        truncated=values["truncated"],
        **texts,
    )


def _parsed(line: bytes) -> dict[str, Any]:  # JSON values are of any type
    if len(line) > LONGEST_LINE:
        raise InvalidInput(f"longer than {LONGEST_LINE // 1024**2} MiB")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 at byte {error.start + 1}") from error
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInput("not a JSON object")
    if "\\u" in text:
        _check_storable(values)
    return values


def _check_storable(value: object) -> None:
    """Escapes may spell what no text column holds."""
    match value:
        case str():
            if "\x00" in value:
                raise InvalidInput("holds a NUL character")
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise InvalidInput("holds half a surrogate pair")
        case list():
            for part in value:
                _check_storable(part)
        case dict():
            for part in [*value, *value.values()]:
                _check_storable(part)


def _check_required(values: dict[str, Any]) -> None:
    for name, kinds in REQUIRED.items():
        if name not in values:
            raise InvalidInput(f"{name} is missing")
        if not _is_a(values[name], kinds):
            raise InvalidInput(f"{name} must be {TYPE_WORDS[kinds[0]]}")
    _check_values(values)


def _check_values(values: dict[str, Any]) -> None:
    for name in ("experiment", "environment", "task_id"):
        if not values[name].strip():
            raise InvalidInput(f"{name} is empty")
    if values["method"] not in METHODS:
        raise InvalidInput(f"method {values['method']!r} is not one of {', '.join(METHODS)}")
    if not 1 <= values["trial"] <= LAST_TRIAL:
        raise InvalidInput(f"trial must be 1 to {LAST_TRIAL}")
    if not _is_number(values["episode_return"]):
        raise InvalidInput("episode_return must be a finite number")


def _is_a(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _is_number(value: float) -> bool:
    return abs(value) <= LARGEST_NUMBER  # False for NaN too


def _optional_text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{name} must be text")
    return value or ""


def _step(values: object, place: int) -> Step:
    if not isinstance(values, dict):
        raise InvalidInput(f"step {place} is not an object")
    try:
        thought, action, observation = (
            _optional_text(values, name) for name in ("thought", "action", "observation")
        )
    except InvalidInput as error:
        raise InvalidInput(f"step {place}: {error}") from error
    if "action" not in values:
        raise InvalidInput(f"step {place}: action is missing")
    reward = values.get("reward", 0.0)
    if not _is_a(reward, (float, int)) or not _is_number(reward):
        raise InvalidInput(f"step {place}: reward must be a finite number")
    return Step(thought, action, observation, reward=float(reward))
