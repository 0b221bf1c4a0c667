"""The bodies of the OpenAI routes."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from retro_core.serving.tgi_bodies import Strict

MAX_N = 16
MAX_TEXTS = 32
MAX_TOP_LOGPROBS = 20
DEFAULT_NEW_TOKENS = 1024


class TextPart(Strict):
    """One part of a message."""

    type: Literal["text"]
    text: str


class ChatMessage(Strict):
    """One turn. Only text is understood."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """As the chat template wants it."""
        role = "system" if self.role == "developer" else self.role
        if isinstance(self.content, str):
            return {"role": role, "content": self.content}
        return {"role": role, "content": "".join(part.text for part in self.content)}


class NamedSchema(Strict):
    """The json_schema of a response format."""

    name: str = "answer"
    schema_: dict[str, Any] | bool = Field(alias="schema")


class SchemaFormat(Strict):
    """Answer by a JSON schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


class ObjectFormat(Strict):
    """Answer with any JSON object."""

    type: Literal["json_object"]


class TextFormat(Strict):
    """Answer freely."""

    type: Literal["text"]


ResponseFormat = Annotated[SchemaFormat | ObjectFormat | TextFormat, Field(discriminator="type")]


class StreamOptions(Strict):
    """What a stream holds beside the text."""

    include_usage: bool = False


class Common(Strict):
    """What both routes take."""

    model: str
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_N)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    logit_bias: dict[str, float] | None = None

    @field_validator("stop")
    @classmethod
    def _no_empty_stop(cls, value: str | list[str] | None) -> str | list[str] | None:
        if value == "" or (isinstance(value, list) and "" in value):
            raise ValueError("a stop sequence must not be empty")
        return value

    @field_validator("logit_bias")
    @classmethod
    def _no_bias(cls, value: dict[str, float] | None) -> None:
        if value:
            raise ValueError("logit_bias is not supported")

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop sequences."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


class ChatBody(Common):
    """POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    choice_normalisation: Literal["sum", "mean"] = "sum"
    tools: list[Any] | None = None

    @field_validator("tools")
    @classmethod
    def _no_tools(cls, value: list[Any] | None) -> None:
        if value:
            raise ValueError("tools are not supported")


class CompletionBody(Common):
    """POST /v1/completions."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None

    @field_validator("echo", "suffix")
    @classmethod
    def _not_supported(cls, value: bool | str | None) -> None:
        if value:
            raise ValueError("not supported")

    @field_validator("best_of")
    @classmethod
    def _one_only(cls, value: int | None) -> None:
        if value not in {None, 1}:
            raise ValueError("best_of is not supported; use n")
