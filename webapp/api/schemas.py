"""What goes in and comes out, as the OpenAPI document shows it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict

from retro_core.config import Method
from retro_core.storable import storable

Text = Annotated[str, AfterValidator(storable)]


def _filled(text: str) -> str:
    text = storable(text).strip()
    if not text:
        raise ValueError("must not be empty")
    return text


Name = Annotated[str, AfterValidator(_filled)]
Trial = Annotated[int, Field(ge=1, le=32767)]
Number = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
LAST_FIRST, MOST_SENT = 100_000, 500  # of the steps of one call: the first one's index, how many
MOST_STEPS = LAST_FIRST + MOST_SENT


class Strict(Schema):
    """A body: an unknown name is an error, not something quietly left out."""

    model_config = ConfigDict(extra="forbid")


class NewExperiment(Strict):
    """`played`: a stored task set is played here. `pushed`: a foreign agent sends its episodes."""

    name: Annotated[Name, Field(max_length=160)]
    source: Literal["played", "pushed"] = "pushed"
    method: Method = "reflexion"
    actor: Annotated[Text, Field(max_length=120)] = ""
    trials: Annotated[int, Field(ge=1, le=100)] = 5
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    notes: Annotated[Text, Field(max_length=20_000)] = ""
    environment: Annotated[Text, Field(max_length=60)] = Field(
        "", description="Needed for `pushed`; a played one has its task set's."
    )
    task_set: Annotated[Text, Field(max_length=120)] = Field(
        "", description="The name of a stored task set; needed for `played`."
    )
    preset: str = "embedded"
    adapter: Annotated[Text, Field(max_length=120)] = Field(
        "",
        description="Of the reflector of a played experiment; empty is the base model, with which"
        " `retroformer` is refused.",
    )
    reflector_model: Annotated[Text, Field(max_length=120)] = Field(
        "", description="Its name at the endpoint; needed over the OpenAI protocol alone."
    )
    start: bool = Field(False, description="Queue a played experiment at once.")


class NewStep(Strict):
    """One turn of the agent."""

    action: Annotated[Text, Field(max_length=200_000)]
    thought: Annotated[Text, Field(max_length=200_000)] = ""
    observation: Annotated[Text, Field(max_length=500_000)] = ""
    reward: Number = 0.0
    invalid: bool = False
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = 0.0


class EpisodeName(Strict):
    """Which episode of the experiment: a task and a trial."""

    task_id: Annotated[Name, Field(max_length=200)]
    trial: Trial


class OpenedEpisode(EpisodeName):
    """The start of an episode."""

    goal: Annotated[Text, Field(max_length=1_000_000)] = ""
    restart: bool = Field(
        False,
        description="Begin an episode again that is still open: the steps sent so far are dropped."
        " For an agent that crashed in the middle of it; a recorded episode stays as it is.",
    )


class SentSteps(EpisodeName):
    """Steps from a place on; sending them again changes nothing."""

    first_index: Annotated[int, Field(ge=0, le=LAST_FIRST)]
    steps: Annotated[list[NewStep], Field(min_length=1, max_length=MOST_SENT)]


class EndedEpisode(EpisodeName):
    """The end of an episode. Without a return it is the sum of the rewards."""

    success: bool
    truncated: bool = False
    episode_return: Number | None = None
    final_answer: Annotated[Text, Field(max_length=200_000)] = ""
    steps_count: int = Field(
        ge=0, le=MOST_STEPS, description="How many steps were sent, so that none is lost."
    )


class SentReflection(EpisodeName):
    """What was written after a failed trial."""

    text: Annotated[Name, Field(max_length=200_000)]
    prompt: Annotated[Text, Field(max_length=1_000_000)] = ""


class NewTrainingRun(Strict):
    """A training run of a stored snapshot with a preset's settings."""

    name: Annotated[Name, Field(max_length=120)]
    snapshot_id: int
    preset: str
    stage: Literal["sft", "reward_model"] = "sft"
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class PageIn(Schema):
    """Which page: rows after an id."""

    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Told(Schema):
    """What a write did; `is_new` is false where all was here already."""

    id: int | None = None
    is_new: bool


class ExperimentOut(Schema):
    """An experiment with its counters."""

    id: int
    name: str
    environment: str
    task_set: str
    method: str
    actor: str
    adapter: str
    source: str
    status: str
    status_message: str
    trials: int
    seed: int
    created_at: datetime
    finished_at: datetime | None
    tasks_total: int
    tasks_solved: int
    tasks_failed: int
    episodes_count: int
    steps_count: int
    reflections_count: int


class EpisodeOut(Schema):
    """An episode without its steps."""

    id: int
    experiment_id: int
    task_id: str
    trial: int
    success: bool
    episode_return: float
    terminated: bool
    truncated: bool
    truncation_reason: str
    final_answer: str
    step_count: int
    finished_at: datetime


class StepOut(Schema):
    """One turn."""

    index: int
    thought: str
    action: str
    observation: str
    reward: float
    invalid: bool


class ReflectionOut(Schema):
    """A reflection with its ratings; null where there is none yet."""

    id: int
    experiment_id: int
    episode_id: int
    task_id: str
    trial: int
    text: str
    automatic_rating: float | None
    human_rating: float | None
    effective_rating: float | None


class RatingOut(Schema):
    """The ratings of one reflection; `responses` counts people's answers in force."""

    reflection_id: int
    task_id: str
    trial: int
    automatic_rating: float | None
    human_rating: float | None
    effective_rating: float | None
    responses: int


class EpisodeWhole(EpisodeOut):
    """An episode with its steps and the reflection after it."""

    goal: str
    steps: list[StepOut]
    reflection: ReflectionOut | None


class PageOut(Schema):
    """`after` is the id to ask on from; null at the end."""

    after: int | None


class ExperimentPage(PageOut):
    """A page of experiments."""

    items: list[ExperimentOut]


class EpisodePage(PageOut):
    """A page of episodes."""

    items: list[EpisodeOut]


class ReflectionPage(PageOut):
    """A page of reflections."""

    items: list[ReflectionOut]


class RatingPage(PageOut):
    """A page of ratings."""

    items: list[RatingOut]


class CurveOut(Schema):
    """The learning curve, as the page of the experiment draws it."""

    model_config = ConfigDict(extra="allow")

    experiment: str
    tasks: int
    success_percent: list[float]
    mean_return: list[float]
    points: list[dict[str, Any]]
