"""The bodies of the text-generation-inference routes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_STOP_SEQUENCES = 4
MAX_BEST_OF = 2
MAX_TOP_TOKENS = 20
DEFAULT_NEW_TOKENS = 1024

Seed = Annotated[int, Field(ge=0, lt=2**64)]


class Strict(BaseModel):
    """Types are taken as sent; unknown fields are ignored, as the protocols do."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class RegexGrammar(Strict):
    """A regular expression for the whole text."""

    type: Literal["regex"]
    value: str


class JsonGrammar(Strict):
    """A JSON schema, as an object or as text."""

    type: Literal["json"]
    value: dict[str, Any] | bool | str


class NamedSchema(Strict):
    """A JSON schema with a name."""

    name: str | None = None
    schema_: dict[str, Any] | bool = Field(alias="schema")


class JsonSchemaGrammar(Strict):
    """A named JSON schema."""

    type: Literal["json_schema"]
    value: NamedSchema


Grammar = Annotated[RegexGrammar | JsonGrammar | JsonSchemaGrammar, Field(discriminator="type")]


class Parameters(Strict):
    """GenerateParameters."""

    adapter_id: str | None = None
    best_of: Annotated[int, Field(gt=0)] | None = None
    decoder_input_details: bool = False
    details: bool = True
    do_sample: bool = False
    frequency_penalty: Annotated[float, Field(gt=-2)] | None = None
    grammar: Grammar | None = None
    max_new_tokens: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None
    return_full_text: bool | None = None
    seed: Seed | None = None
    stop: Annotated[list[str], Field(max_length=MAX_STOP_SEQUENCES)] = []
    temperature: Annotated[float, Field(gt=0)] | None = None
    top_k: Annotated[int, Field(gt=0, lt=2**31)] | None = None
    top_n_tokens: Annotated[int, Field(ge=0, le=MAX_TOP_TOKENS)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    truncate: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    typical_p: Annotated[float, Field(gt=0, le=1)] | None = None
    watermark: bool = False
    choice_normalisation: Literal["sum", "mean"] = "sum"


class GenerateBody(Strict):
    """GenerateRequest and CompatGenerateRequest."""

    inputs: str
    parameters: Parameters | None = None
    stream: bool = False
