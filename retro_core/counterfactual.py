"""What a reflection changed: the next trial replayed with and without it, with the same seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from retro_core.config import ExperimentConfig
from retro_core.errors import InvalidInput
from retro_core.prompts.texts import PromptSet
from retro_core.rollout import Trial
from retro_core.seeds import derived_seed
from retro_core.trials import PastTrial, next_trial
from retro_core.types import Task

MOST_PAIRS = 20
# Student's t, the 97.5 % quantile by degrees of freedom from 1.
T_QUANTILES = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093),
)


@dataclass(frozen=True, slots=True)
class PlannedReplay:
    """One trial to be played: `shown` tells whether the actor sees the reflection."""

    pair: int
    shown: bool
    trial: Trial


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference of returns with and without the reflection, and its 95 % interval."""

    mean: float
    low: float | None
    high: float | None


def planned_replays(
    task: Task,
    past: Sequence[PastTrial],
    *,
    pairs: int,
    temperature: float,
    config: ExperimentConfig,
    prompts: PromptSet,
) -> list[PlannedReplay]:
    """The trial after `past`, whose last reflection is in question, `pairs` times in two arms.

    Both arms of a pair differ in that reflection alone. The first pair has the seed of the trial
    itself. Raises InvalidInput where the actor would not see the reflection anyway.
    """
    if not past or past[-1].reflection is None:
        raise InvalidInput("There is no reflection after the last of these trials.")
    shown = replace(next_trial(task, past, config, prompts), temperature=temperature)
    if not shown.memory or shown.memory[-1] != past[-1].reflection.text:
        raise InvalidInput(
            f"The method {config.method} does not show this reflection to the actor."
        )
    hidden = replace(shown, memory=shown.memory[:-1])
    return [
        PlannedReplay(pair, arm is shown, replace(arm, seed=_seed(shown.seed, pair)))
        for pair in range(pairs)
        for arm in (shown, hidden)
    ]


def difference(returns: Mapping[tuple[int, bool], float]) -> Difference:
    """From the returns by (pair, shown): the paired mean difference and its t interval.

    One pair has no interval. A pair without its other half is left out.
    """
    gains = [
        value - returns[pair, False]
        for (pair, shown), value in sorted(returns.items())
        if shown and (pair, False) in returns
    ]
    if not gains:
        raise InvalidInput("No pair of replays is complete.")
    middle = mean(gains)
    if len(gains) < 2:
        return Difference(middle, None, None)
    if len(gains) > MOST_PAIRS:
        raise InvalidInput(f"At most {MOST_PAIRS} pairs.")
    reach = T_QUANTILES[len(gains) - 2] * stdev(gains) / len(gains) ** 0.5
    return Difference(middle, middle - reach, middle + reach)


def _seed(of_trial: int, pair: int) -> int:
    return of_trial if pair == 0 else derived_seed(of_trial, "replay", pair)
