"""Every hyperparameter of an experiment: default, unit, bounds, source; the paper's presets.

Sources: "paper" is Retroformer (arXiv 2308.02151), "Reflexion" is arXiv 2303.11366; "own" marks the
project's choice. `setting` keeps the note beside the value so that forms can show it.
"""

from dataclasses import dataclass, replace
from typing import Literal

from retro_core.settings_record import SettingsRecord, setting

Method = Literal["react", "last_trial", "reflexion", "retroformer", "resample", "fixed_prompt"]
MemoryPolicy = Literal["all", "last_k", "last_k_distinct"]
Returns = Literal["environment", "success", "score"]
TemperatureSchedule = Literal["fixed", "adaptive"]
ChoiceStyle = Literal["enum", "object", "none"]
ChoiceNormalisation = Literal["", "sum", "mean"]
PageStoreName = Literal["task", "wikipedia", "corpus"]
ShopObservations = Literal["as_task", "react", "text_rich", "text"]
ReflectionFormat = Literal["free", "structured"]
TrajectoryForm = Literal["steps", "digest"]
ReflectionProtocol = Literal["tgi", "openai", "hindsight"]
ChatTemplate = Literal["chatml", "llama3", "none"]


@dataclass(frozen=True)
class EpisodeConfig(SettingsRecord):
    """How one episode is played and when it is stopped."""

    max_steps: int = setting(
        49,
        "The episode is truncated after this many steps. 49 in the published household runs.",
        unit="steps",
        at_least=1,
    )
    max_repeats: int = setting(
        3,
        "Truncated when the same action gives the same observation this many times in a row."
        " Reflexion: more than 3.",
        unit="steps",
        at_least=2,
    )
    context_tokens: int = setting(
        4096,
        "Longest prompt the actor is given; the model's limit or less. Own.",
        unit="tokens",
        at_least=256,
    )
    context_keep_share: float = setting(
        0.75,
        "Past the limit the oldest observations are dropped until the prompt fills this share of"
        " it, so that the prompt stays append-only for many steps. Own.",
        at_least=0.1,
        at_most=1.0,
    )
    examples: int = setting(
        0,
        "Worked examples in the prompt: 2 for large models, 0 for the tuned one. Own.",
        unit="examples",
        at_least=0,
        at_most=2,
    )
    show_admissible: bool = setting(
        False, "List the admissible actions in every observation; for endpoints without choice."
    )
    returns: Returns = setting(
        "score",
        "Rewards: the environment's own, 1.0 on success, or the gain in score. 0/1 returns give no"
        " negative ratings, so score is the default. Paper: F1 for questions.",
    )


@dataclass(frozen=True)
class ActorConfig(SettingsRecord):
    """How the actor is sampled."""

    temperature: float = setting(0.0, "Of every action. Reflexion: 0.", at_least=0.0, at_most=2.0)
    temperature_schedule: TemperatureSchedule = setting(
        "fixed", "Adaptive raises the temperature after each failed trial. Own."
    )
    temperature_rise: float = setting(
        0.2, "Added per failed trial under the adaptive schedule. Own.", at_least=0.0, at_most=2.0
    )
    temperature_cap: float = setting(
        1.0, "The adaptive schedule stops here. Own.", at_least=0.0, at_most=2.0
    )
    thought_tokens: int = setting(
        0,
        "Longest thought before an action; 0 acts without one. ReAct: 100. Own: 0 for the tuned"
        " small model.",
        unit="tokens",
        at_least=0,
        at_most=4096,
    )
    action_tokens: int = setting(
        100, "Longest free-text action. ReAct.", unit="tokens", at_least=1, at_most=4096
    )
    choice_style: ChoiceStyle = setting(
        "enum",
        "How admissible actions are enforced: a JSON schema enum, an object with one enum field"
        " (OpenAI strict mode), or not at all.",
    )
    choice_normalisation: ChoiceNormalisation = setting(
        "", "Score of a candidate: sum or mean of log-probabilities; empty is the server's default."
    )


@dataclass(frozen=True)
class ReflectionConfig(SettingsRecord):
    """How reflections are written."""

    protocol: ReflectionProtocol = setting(
        "tgi",
        "What the reflector's endpoint speaks; hindsight asks no model but takes the shortened plan"
        " of a recorded success of the same task.",
    )
    sample: int = setting(
        0, "Which of several reflections of one failure: moves the reflector's seed.", at_least=0
    )
    format: ReflectionFormat = setting(
        "structured", "A diagnosis and a numbered plan, or free text. Paper: free."
    )
    max_tokens: int = setting(
        160, "Longest reflection. Own.", unit="tokens", at_least=8, at_most=4096
    )
    prompt_tokens: int = setting(
        800,
        "Longest reflection prompt; beyond, middle steps and older reflections give way. Own.",
        unit="tokens",
        at_least=200,
    )
    trajectory: TrajectoryForm = setting(
        "steps",
        "How the reflector is told of the failure: the last trial's steps, or a digest of all"
        " trials: where things were first seen and where nobody looked. A digest needs a world"
        " whose places have names; elsewhere steps are told. Paper: steps. Own: digest for the"
        " small model, whose prompt holds no long trajectory.",
    )
    plan_lines: int = setting(
        10, "Most commands in a structured plan. Own.", unit="lines", at_least=1, at_most=50
    )
    examples: int = setting(1, "Worked reflections in the prompt. Own.", at_least=0, at_most=2)
    temperature: float = setting(
        0.7,
        "Of the reflector. Own: 1.0 gives near-gibberish from small models.",
        at_least=0.0,
        at_most=2.0,
    )
    top_p: float = setting(0.95, "Nucleus share. Own.", at_least=0.01, at_most=1.0)
    repeat_tries: int = setting(
        0,
        "Times that a reflection which repeats an earlier one is written again, each with another"
        " seed. Own: a plan that failed once fails again.",
        at_least=0,
        at_most=10,
    )
    repeat_warmer: float = setting(
        0.3,
        "Added to the reflector's temperature at each of those tries. Own.",
        at_least=0.0,
        at_most=1.0,
    )
    best_of_n: int = setting(
        1,
        "Candidates ranked by the reward model; 1 takes the only one. Method retroformer. Own.",
        at_least=1,
        at_most=64,
    )
    reward_model: str = setting(
        "", "Reward model that ranks the candidates, by its name in the registry."
    )
    chat_template: ChatTemplate = setting(
        "chatml", "Wraps the prompt for a server that takes plain text (TGI)."
    )


@dataclass(frozen=True)
class PagesConfig(SettingsRecord):
    """Where pages come from in HotPotQA; other worlds have none."""

    store: PageStoreName = setting(
        "task",
        "HotPotQA only: what each task brings, live Wikipedia, or a corpus folder."
        " The paper and Reflexion search Wikipedia.",
    )
    corpus: str = setting(
        "", "Name of the corpus folder below data/corpora: *.jsonl with title and text."
    )


@dataclass(frozen=True)
class ShopConfig(SettingsRecord):
    """What an agent reads in WebShop; other worlds have no shop."""

    observations: ShopObservations = setting(
        "as_task",
        "WebShop only: three products a page as in ReAct, or every page in full, with ten products"
        " and pages to turn. ReAct and Reflexion: react, which is also what tasks say by default.",
    )


@dataclass(frozen=True)
class EndpointConfig(SettingsRecord):
    """How a language model endpoint is called. Changes no result, only how long we insist."""

    timeout_seconds: float = setting(
        120.0, "Longest wait for one answer.", unit="seconds", at_least=0.01
    )
    connect_seconds: float = setting(
        5.0, "Longest wait for a connection.", unit="seconds", at_least=0.01
    )
    attempts: int = setting(6, "Tries before the endpoint counts as down.", at_least=1, at_most=50)
    backoff_seconds: float = setting(
        0.5, "First pause between tries; doubles with each.", unit="seconds", at_least=0.0
    )
    backoff_cap_seconds: float = setting(
        30.0, "Longest pause, also when the server asks for more.", unit="seconds", at_least=0.0
    )


@dataclass(frozen=True)
class ExperimentConfig(SettingsRecord):
    """All that decides the outcome of an experiment beside tasks, actor and reflector."""

    method: Method = setting("reflexion", "What is learned between trials; listed in full below.")
    trials: int = setting(
        5,
        "Attempts at each unsolved task. Published question runs: 5.",
        unit="trials",
        at_least=1,
        at_most=100,
    )
    seed: int = setting(0, "Start of every derived seed.", at_least=0, at_most=2**31 - 1)
    memory_policy: MemoryPolicy = setting(
        "last_k", "Which reflections the actor sees: all, the last k, the last k distinct ones."
    )
    memory_size: int = setting(
        3, "k of the memory policy. Reflexion: 3.", unit="reflections", at_least=1, at_most=100
    )
    near_repeat_share: float = setting(
        0.9,
        "Word overlap (Jaccard) from which a reflection repeats another. Own.",
        at_least=0.0,
        at_most=1.0,
    )
    reuse: bool = setting(
        False,
        "Take an episode that was recorded with the same prompt, actor and seed instead of playing"
        " it again. Only for endpoints that repeat themselves, as the embedded one does. Own.",
    )
    episode: EpisodeConfig = setting(EpisodeConfig(), "One episode.")
    actor: ActorConfig = setting(ActorConfig(), "The actor.")
    reflection: ReflectionConfig = setting(ReflectionConfig(), "The reflector.")
    pages: PagesConfig = setting(PagesConfig(), "The page store of questions.")
    shop: ShopConfig = setting(ShopConfig(), "The pages of a shop.")


# What each method adds to the actor's prompt from trial 2 on, and whether trials differ in seed.
#   react         nothing; every trial has the seed of trial 1: one policy, repeated
#   resample      nothing; a new seed per trial: what luck alone gains
#   fixed_prompt  the same written advice for all tasks: what any advice gains
#   last_trial    the previous trajectory
#   reflexion     reflections of the base reflector
#   retroformer   reflections of a trained adapter, best of N
NEW_SEED_PER_TRIAL: frozenset[Method] = frozenset(
    {"resample", "fixed_prompt", "last_trial", "reflexion", "retroformer"}
)
WRITES_REFLECTIONS: frozenset[Method] = frozenset({"reflexion", "retroformer"})

_LARGE_ACTOR = ActorConfig(thought_tokens=100)
_LARGE_REFLECTION = ReflectionConfig(format="free", max_tokens=256, prompt_tokens=12000)
_PAPER = ExperimentConfig(
    method="retroformer", trials=5, actor=_LARGE_ACTOR, reflection=_LARGE_REFLECTION
)


def _paper(max_steps: int, returns: Returns) -> ExperimentConfig:
    episode = EpisodeConfig(max_steps=max_steps, returns=returns, examples=2, context_tokens=16000)
    return replace(_PAPER, episode=episode)


def _embedded_elsewhere(max_steps: int) -> ExperimentConfig:
    """The plain small model needs worked examples: no adapter was tuned for these worlds."""
    episode = EpisodeConfig(max_steps=max_steps, examples=2)
    return ExperimentConfig(trials=3, episode=episode, actor=ActorConfig(temperature=0.5))


PRESETS: dict[str, ExperimentConfig] = {
    "embedded": ExperimentConfig(
        trials=3,
        episode=EpisodeConfig(max_steps=30),
        actor=ActorConfig(temperature=0.5),
        reflection=ReflectionConfig(trajectory="digest", plan_lines=12, max_tokens=192),
    ),
    "embedded_hotpotqa": _embedded_elsewhere(max_steps=6),
    "embedded_webshop": _embedded_elsewhere(max_steps=15),
    "paper_alfworld": _paper(49, "success"),
    "paper_hotpotqa": _paper(6, "score"),
    "paper_webshop": _paper(15, "environment"),
}
