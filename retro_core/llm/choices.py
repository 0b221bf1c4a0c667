"""Choice among given strings as an OpenAI response format."""

import json
from collections.abc import Sequence
from typing import Any

from retro_core.config import ChoiceStyle
from retro_core.storable import storable

ACTION = "action"


def choice_format(choices: Sequence[str], style: ChoiceStyle) -> dict[str, Any] | None:
    """The response format that admits only these strings; None where none is asked for.

    "enum" answers a JSON string, "object" an object with one field, as OpenAI's strict mode needs.
    """
    if style == "none":
        return None
    schema: dict[str, Any] = {"type": "string", "enum": list(choices)}
    if style == "object":
        schema = {
            "type": "object",
            "properties": {ACTION: schema},
            "required": [ACTION],
            "additionalProperties": False,
        }
    description = {"name": ACTION, "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": description}


def chosen_text(text: str) -> str:
    """The string within a JSON answer of either style; other text as it is.

    JSON spells out characters that the answer itself was cleaned of: the string is storable too.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    if isinstance(value, dict):
        value = value.get(ACTION)
    return storable(value) if isinstance(value, str) else text
