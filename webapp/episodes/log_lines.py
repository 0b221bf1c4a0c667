"""One line of a recorded log: checked, and turned into records."""

import json
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, get_args

from retro_core.config import Method
from retro_core.errors import InvalidInput
from retro_core.types import Message, Step, Usage
from webapp.episodes.records import check_sums

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
TRUNCATIONS = ("", "step_cap", "repeated_action", "context_full", "given_up", "unknown")
ROLES = ("system", "user", "assistant")
LARGEST_SEED = 2**63 - 1
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
    seed: int = 0
    terminated: bool | None = None
    truncation_reason: str = ""
    head: tuple[Message, ...] = ()
    finished_at: datetime | None = None


def read_line(line: bytes, number: int) -> LogLine:
    """Check everything that one line alone can tell. Raises InvalidInput with the reason."""
    return read_values(_parsed(line), number)


def read_values(values: dict[str, Any], number: int) -> LogLine:
    """The same of a row that was parsed before."""
    _check_required(values)
    texts = {name: _optional_text(values, name) for name in OPTIONAL_TEXTS}
    for name, limit in LONGEST.items():
        if len(values.get(name) or "") > limit:
            raise InvalidInput(f"{name} is longer than {limit} characters")
    steps = tuple(_step(step, place) for place, step in enumerate(values["steps"], start=1))
    check_sums(steps)
    return LogLine(
        number=number,
        experiment=values["experiment"],
        environment=values["environment"],
        method=values["method"],
        task_id=values["task_id"],
        trial=values["trial"],
        steps=steps,
        success=values["success"],
        episode_return=float(values["episode_return"]),
        truncated=values["truncated"],
        seed=_whole(values, "seed"),
        terminated=_flag(values, "terminated"),
        truncation_reason=_truncation(values),
        head=_messages(values, "head"),
        finished_at=_moment(values, "finished_at"),
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
        check_storable(values)
    return values


def check_storable(value: object) -> None:
    """Escapes may spell what no text column holds, and Python's JSON what JSON has not."""
    match value:
        case float() if not isfinite(value):
            raise InvalidInput(f"holds {value}, which is no number in JSON")
        case str():
            _check_text(value)
        case list():
            for part in value:
                check_storable(part)
        case dict():
            for part in [*value, *value.values()]:
                check_storable(part)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise InvalidInput("holds a NUL character")
    if has_half_pair(text):
        raise InvalidInput("holds half a surrogate pair")


def has_half_pair(text: str) -> bool:
    """Whether half a surrogate pair stands in it: such text has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


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
    if values.get("action") is None:
        raise InvalidInput(f"step {place}: action is missing")
    reward = values.get("reward", 0.0)
    if not _is_a(reward, (float, int)) or not _is_number(reward):
        raise InvalidInput(f"step {place}: reward must be a finite number")
    try:
        more = _step_details(values)
    except InvalidInput as error:
        raise InvalidInput(f"step {place}: {error}") from error
    return Step(thought, action, observation, reward=float(reward), **more)


def _step_details(values: dict[str, Any]) -> dict[str, Any]:  # the fields of a Step
    """What only episodes played here know of a step."""
    seconds = values.get("seconds") or 0.0
    if not _is_a(seconds, (float, int)) or not _is_number(seconds) or seconds < 0:
        raise InvalidInput("seconds must be a number from 0")
    prompt, completion = _count(values, "prompt_tokens"), _count(values, "completion_tokens")
    digest = _optional_text(values, "prompt_sha256")
    if len(digest) > 64:
        raise InvalidInput("prompt_sha256 is longer than 64 characters")
    return {
        "invalid": bool(_flag(values, "invalid")),
        "reply": _optional_text(values, "reply"),
        "prompt_sha256": digest,
        "dropped_observations": _count(values, "dropped_observations"),
        "usage": Usage(prompt, completion, float(seconds)),
        "follow_ups": _messages(values, "follow_ups"),
        "repaired": bool(_flag(values, "repaired")),
    }


def _whole(values: dict[str, Any], name: str) -> int:
    value = values.get(name)
    if value is not None and not (_is_a(value, (int,)) and abs(value) <= LARGEST_SEED):
        raise InvalidInput(f"{name} must be a whole number")
    return value or 0


def _count(values: dict[str, Any], name: str) -> int:
    value = _whole(values, name)
    if not 0 <= value < 2**31:
        raise InvalidInput(f"{name} must be from 0 to 2147483647")
    return value


def _flag(values: dict[str, Any], name: str) -> bool | None:
    value = values.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false")
    return value


def _truncation(values: dict[str, Any]) -> str:
    reason = _optional_text(values, "truncation_reason")
    if reason not in TRUNCATIONS:
        raise InvalidInput(f"truncation_reason {reason!r} is not one of {TRUNCATIONS[1:]}")
    return reason or ("unknown" if values["truncated"] else "")


def _messages(values: dict[str, Any], name: str) -> tuple[Message, ...]:
    turns = values.get(name) or []
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise InvalidInput(f"{name} must be a list of messages")
    if any(turn.get("role") not in ROLES for turn in turns):
        raise InvalidInput(f"{name}: the role of a message is one of {', '.join(ROLES)}")
    return tuple(Message(turn["role"], _optional_text(turn, "content")) for turn in turns)


def _moment(values: dict[str, Any], name: str) -> datetime | None:
    text = _optional_text(values, name)
    if not text:
        return None
    return moment(text, name)


def moment(text: str, name: str) -> datetime:
    """A time with its zone, as ISO 8601. Raises InvalidInput."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is no time: {text!r}") from error
    if when.tzinfo is None:
        raise InvalidInput(f"{name} has no time zone")
    return when
