"""What is measured: tasks, seeds, arms, and the size of every part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from retro_core.config import PRESETS, ExperimentConfig, Method
from retro_core.training.spec import Stage, TrainingSpec
from webapp.training.services.specs import preset_spec

TRAINED: tuple[Stage, ...] = ("sft", "ppo", "grpo")
BEST_OF_N = "best of n"
PLAIN_BEST_OF_N = "plain best of n"
WITH_EXAMPLE = "reflexion with an example"


@dataclass(frozen=True)
class Protocol:
    """One form of the measurement. Counts of tasks, trials, reflections and updates.

    The actor acts at temperature 0, as in Reflexion, so that a retry differs by its reflection
    alone; `luck_temperature` is that of the control that only tries again, and of `luck_draws`
    more first trials of every task for plans: their successes give plans, and their failures are
    more to reflect on. Both halves of the training games are of `train_split`: rooms that the
    actor was not tuned on, or it would fail too rarely, and that are not among those of
    `unseen_split`. Plans for supervised tuning come from `train_tasks` games.
    Ratings come from `rated_tasks` others: where the reflector was tuned it still knows where
    things lie, so that its searches help there and hardly elsewhere. The policies learn from
    `samples` reflections of the tuned reflector on every first failure, drawn at
    `sample_temperature` so that those of one failure differ, each rated by a retry; the reward
    model from these and from `rated_trials` attempts with the plain and with the tuned reflector:
    what tells a reflection that helps from one that does not shows most in later failures.
    `noise` is the share of retries that are made lucky, or made to ignore good advice, for the
    simulated annotator, who looks at the shares `corrected` of all ratings; reward models of
    the shares `corrected_arms` are trained and played with. `more_controls` adds two arms: the
    plain reflector with a worked example, and the best of N of the plain reflector.
    """

    name: str
    train_tasks: int
    rated_tasks: int
    unseen_tasks: int
    samples: int
    luck_draws: int
    reward_epochs: float
    policy_updates: int
    policy_batch: int
    best_of_n: int
    trials: int
    steps: int = 30
    seed: int = 0
    sample_temperature: float = 0.6
    train_split: str = "valid_seen"
    unseen_split: str = "valid_unseen"
    train_seed: int = 101
    unseen_seed: int = 202
    rated_seed: int = 303
    rated_trials: int = 3
    luck_temperature: float = 0.5
    sft_copies: int = 8
    sft_learning_rate: float = 1e-3
    policy_learning_rate: float = 1e-4
    policy_kl: float = 0.2
    noise: float = 0.3
    corrected: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    corrected_arms: tuple[float, ...] = (0.0, 1.0)
    more_controls: bool = False

    def title(self, part: str) -> str:
        """The name of an experiment, snapshot or run of this protocol."""
        return f"learn {self.name}: {part}"


_SMALL = Protocol(
    name="small",
    train_tasks=72,
    rated_tasks=72,
    unseen_tasks=36,
    samples=4,
    luck_draws=3,
    reward_epochs=1.0,
    policy_updates=8,
    policy_batch=4,
    best_of_n=3,
    trials=5,
)
PROTOCOLS: Mapping[str, Protocol] = {
    "small": _SMALL,
    "full": replace(
        _SMALL,
        name="full",
        train_tasks=150,
        rated_tasks=150,
        unseen_tasks=60,
        samples=6,
        luck_draws=5,
        policy_updates=40,
        policy_batch=8,
        best_of_n=4,
        more_controls=True,
    ),
    "tiny": replace(
        _SMALL,
        name="tiny",
        train_tasks=8,
        rated_tasks=8,
        unseen_tasks=3,
        samples=2,
        policy_updates=1,
        policy_batch=2,
        best_of_n=2,
        trials=2,
        steps=25,
    ),
}


def base_config(protocol: Protocol) -> ExperimentConfig:
    """What all arms share."""
    embedded = PRESETS["embedded"]
    # Without a worked example: a small model copies its plan instead of reading the digest. Near
    # greedy: at 0.7 one command in a plan goes astray, and a plan is worth its weakest command.
    # A plan that the actor failed with at temperature 0 is no use a second time; a tuned reflector
    # is so sure of its plan that it takes some warmth to get another.
    reflection = replace(embedded.reflection, examples=0, temperature=0.3, repeat_tries=4)
    # A search of up to eight places, then a chore of as many commands.
    reflection = replace(reflection, plan_lines=16, max_tokens=224)
    return replace(
        embedded,
        reflection=reflection,
        trials=protocol.trials,
        seed=protocol.seed,
        reuse=True,
        episode=replace(embedded.episode, max_steps=protocol.steps),
        actor=replace(embedded.actor, temperature=0.0),
    )


def first_trials(protocol: Protocol) -> ExperimentConfig:
    """The actor's own first trial of every task."""
    return replace(base_config(protocol), method="react", trials=1)


def sampling(protocol: Protocol, sample: int) -> ExperimentConfig:
    """One reflection of the tuned reflector on every first failure, rated by one retry."""
    config = base_config(protocol)
    heat = protocol.sample_temperature
    reflection = replace(config.reflection, sample=sample, temperature=heat)
    return replace(config, method="retroformer", trials=2, reflection=reflection)


def rated_run(protocol: Protocol, method: Method) -> ExperimentConfig:
    """The plain reflector (`reflexion`) or a trained one on the games for ratings."""
    return replace(base_config(protocol), method=method, trials=protocol.rated_trials)


def luck(protocol: Protocol, trials: int, draw: int = 0) -> ExperimentConfig:
    """Trying again with another seed and nothing else."""
    config = _drawn(base_config(protocol), protocol, draw)
    return replace(config, method="resample", trials=trials)


def with_luck(config: ExperimentConfig, protocol: Protocol) -> ExperimentConfig:
    """The same arm with an actor that draws its commands as that of `resample` does."""
    return _drawn(config, protocol, 0)


def hindsight(protocol: Protocol, draw: int | None = None) -> ExperimentConfig:
    """The plan of a success as the reflection of a first failure, rated by a retry.

    The failure is that of the actor at temperature 0, or of one of the draws.
    """
    config = replace(base_config(protocol), method="reflexion", trials=2)
    if draw is not None:
        config = _drawn(config, protocol, draw)
    return replace(config, reflection=replace(config.reflection, protocol="hindsight"))


def _drawn(config: ExperimentConfig, protocol: Protocol, draw: int) -> ExperimentConfig:
    actor = replace(config.actor, temperature=protocol.luck_temperature)
    return replace(config, actor=actor, seed=protocol.seed + draw)


def control_arms(protocol: Protocol) -> dict[str, ExperimentConfig]:
    """The arms that need no training, by name; `reflexion` is the baseline."""
    config = base_config(protocol)
    return {
        "react": replace(config, method="react"),
        "resample": luck(protocol, protocol.trials),
        "fixed_prompt": replace(config, method="fixed_prompt"),
        "last_trial": replace(config, method="last_trial"),
        "reflexion": replace(config, method="reflexion"),
    }


def exampled_arm(protocol: Protocol) -> ExperimentConfig:
    """The plain reflector with a worked example in its prompt, which helps or misleads it."""
    config = base_config(protocol)
    reflection = replace(config.reflection, examples=1)
    return replace(config, method="reflexion", reflection=reflection)


def trained_arm(protocol: Protocol, reward_model: str = "") -> ExperimentConfig:
    """An arm with a trained adapter; with a reward model it ranks several candidates."""
    config = replace(base_config(protocol), method="retroformer")
    if not reward_model:
        return config
    count = protocol.best_of_n
    return replace(
        config, reflection=replace(config.reflection, best_of_n=count, reward_model=reward_model)
    )


def training_spec(protocol: Protocol, stage: Stage) -> TrainingSpec:
    """The small preset with the size that the protocol gives it.

    PPO learns from the reward model, as in the paper; GRPO needs none and plays real retries. The
    reward model says how likely a reflection helps, so that its scores compare between failures.
    """
    spec = preset_spec(stage, "cpu-small")
    longest = base_config(protocol).reflection.max_tokens + 1  # with the end token
    spec = replace(spec, tokens=replace(spec.tokens, completion=longest))
    if stage in {"ppo", "grpo"}:
        size = replace(
            spec.optimisation,
            max_steps=protocol.policy_updates,
            batch_size=protocol.policy_batch,
            learning_rate=protocol.policy_learning_rate,
        )
    elif stage == "sft":
        rate = protocol.sft_learning_rate
        size = replace(spec.optimisation, epochs=1.0, max_steps=0, batch_size=4, learning_rate=rate)
        spec = replace(spec, dataset=replace(spec.dataset, copies=protocol.sft_copies))
    else:
        epochs = protocol.reward_epochs
        size = replace(spec.optimisation, epochs=epochs, max_steps=0, batch_size=4)
        judge = replace(spec.reward_model, objective="bce", cues=True)
        spec = replace(spec, reward_model=judge)
    if stage == "grpo":
        spec = replace(spec, reward=replace(spec.reward, kind="retries"))
    spec = replace(
        spec,
        seed=protocol.seed,
        optimisation=size,
        ppo=replace(spec.ppo, minibatch_size=protocol.policy_batch, kl_coef=protocol.policy_kl),
        grpo=replace(spec.grpo, group_size=protocol.policy_batch),
    )
    return replace(spec, evaluation=replace(spec.evaluation, every=1000, samples=2))
