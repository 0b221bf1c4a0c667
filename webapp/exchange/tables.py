"""The exchanged tables and their columns. Each row names its task and experiment by their names."""

from dataclasses import dataclass

from retro_core.errors import InvalidInput
from webapp.exchange.columns import Column, Kind

TEXT, WHOLE, NUMBER, FLAG = Kind.TEXT, Kind.WHOLE, Kind.NUMBER, Kind.FLAG


@dataclass(frozen=True, slots=True)
class Table:
    """One configuration of the dataset. `told_by` columns together tell its files from others."""

    name: str
    title: str
    columns: tuple[Column, ...]
    told_by: frozenset[str]


ROLE = Column("role", needed=True, longest=20)
MESSAGE = (ROLE, Column("content"))
SMALL, MEDIUM = 2**15 - 1, 2**31 - 1  # what the columns of the database hold
USAGE = (
    Column("prompt_tokens", WHOLE, least=0, most=MEDIUM),
    Column("completion_tokens", WHOLE, least=0, most=MEDIUM),
    Column("seconds", NUMBER),
)
STEP = (
    Column("thought"),
    Column("action"),
    Column("observation"),
    Column("reward", NUMBER),
    Column("invalid", FLAG),
    Column("reply"),
    Column("prompt_sha256", longest=64),
    Column("dropped_observations", WHOLE),
    Column("follow_ups", fields=MESSAGE),
    Column("repaired", FLAG),
    *USAGE,
)
EXPERIMENT = Column("experiment", needed=True, longest=160)
ENVIRONMENT = Column("environment", needed=True, longest=60)
TASK = Column("task_id", needed=True, longest=200)
TRIAL = Column("trial", WHOLE, needed=True, least=1, most=SMALL)
SPLIT = Column("split", longest=40)
RATINGS = tuple(Column(f"{name}_rating", NUMBER) for name in ("automatic", "human", "effective"))
COPY = Column("copy", WHOLE, least=0, most=SMALL)  # of an item that is asked again; missing is 0
CANDIDATE = (
    Column("text", needed=True),
    Column("seed", WHOLE, needed=True),
    Column("score", NUMBER, needed=True),
)
RESPONSE = (
    Column("key", needed=True, longest=36),
    Column("replaces", longest=36),
    Column("queue", needed=True, longest=160),
    COPY,
    Column("person", needed=True, longest=150),
    Column("entered_by", needed=True, longest=150),
    Column("kind", needed=True, longest=10),
    Column("value", NUMBER),
    Column("automatic_rating", NUMBER),
    Column("first_kind", longest=10),
    Column("first_value", NUMBER),
    Column("confidence", WHOLE, least=1, most=3),
    Column("rubric"),
    Column("reasons", longest=20, many=True),
    Column("spans"),
    Column("note"),
    Column("seconds", NUMBER),
    Column("digest", longest=64),
    Column("at", needed=True, longest=40),
    Column("said_at", longest=40),
)
DECISION = (
    Column("queue", longest=160),
    COPY,
    Column("value", NUMBER),
    Column("withdrawn", FLAG),
    Column("gold", FLAG),
    Column("why"),
    Column("decided_by", needed=True, longest=150),
    Column("at", needed=True, longest=40),
)

TASKS = Table(
    "tasks",
    "Task sets",
    (
        Column("task_set", needed=True, longest=120),
        Column("task_set_split", longest=40),
        Column("task_set_source", longest=200),
        Column("position", WHOLE, needed=True, least=0, most=MEDIUM),
        ENVIRONMENT,
        TASK,
        SPLIT,
        Column("task_type", longest=60),
        Column("goal"),
        Column("payload"),
    ),
    frozenset({"task_set", "position", "task_id"}),
)
EXPERIMENTS = Table(
    "experiments",
    "Experiments",
    (
        EXPERIMENT,
        ENVIRONMENT,
        Column("task_set", needed=True, longest=120),
        Column("method", needed=True, longest=20),
        Column("actor", longest=120),
        Column("reflector", longest=120),
        Column("adapter", longest=120),
        Column("trials", WHOLE, needed=True, least=1, most=SMALL),
        Column("seed", WHOLE),
        Column("concurrency", WHOLE, least=1, most=SMALL),
        Column("notes"),
        Column("config"),
        Column("code_version", longest=60),
        Column("created_at", longest=40),
        Column("started_at", longest=40),
        Column("finished_at", longest=40),
    ),
    frozenset({"experiment", "config", "trials"}),
)
EPISODES = Table(
    "episodes",
    "Episodes with their steps",
    (
        EXPERIMENT,
        ENVIRONMENT,
        Column("method", needed=True, longest=20),
        Column("actor", longest=120),
        TASK,
        SPLIT,
        Column("goal"),
        TRIAL,
        Column("seed", WHOLE),
        Column("success", FLAG, needed=True),
        Column("episode_return", NUMBER, needed=True),
        Column("terminated", FLAG),
        Column("truncated", FLAG, needed=True),
        Column("truncation_reason", longest=20),
        Column("final_answer"),
        Column("head", fields=MESSAGE),
        Column("steps", needed=True, fields=STEP),
        Column("finished_at", longest=40),
    ),
    frozenset({"experiment", "task_id", "trial", "steps"}),
)
REFLECTIONS = Table(
    "reflections",
    "Reflections with their ratings",
    (
        EXPERIMENT,
        ENVIRONMENT,
        TASK,
        SPLIT,
        TRIAL,
        Column("text", needed=True),
        Column("prompt"),
        Column("adapter", longest=120),
        Column("source", longest=10),
        Column("candidates", fields=CANDIDATE),
        Column("seed", WHOLE),
        *RATINGS,
        Column("repeats_previous", FLAG),
        *USAGE,
        Column("written_at", longest=40),
    ),
    frozenset({"experiment", "task_id", "trial", "text"}),
)
HUMAN_RATINGS = Table(
    "ratings",
    "Ratings with each human response",
    (
        EXPERIMENT,
        ENVIRONMENT,
        TASK,
        SPLIT,
        TRIAL,
        *RATINGS,
        Column("responses", fields=RESPONSE),
        Column("decisions", fields=DECISION),
    ),
    frozenset({"experiment", "task_id", "trial", "responses"}),
)
TABLES = {t.name: t for t in (TASKS, EXPERIMENTS, EPISODES, REFLECTIONS, HUMAN_RATINGS)}


def told_by(names: set[str]) -> Table:
    """The table that a file's column names tell. Raises InvalidInput."""
    for table in TABLES.values():
        if table.told_by <= names:
            return table
    raise InvalidInput(
        "its columns tell no table: episodes need experiment, task_id, trial and steps;"
        " tasks need task_set, position and task_id"
    )
