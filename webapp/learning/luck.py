"""Luck alone beside luck and reflections: every arm with an actor that draws its commands.

`resample` gains by its actor's temperature, which the other arms of the protocol have not. Here
the plain and the tuned reflector have it too, so that what is left between them is the reflections.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from webapp.experiments.curves import outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning.protocol import Protocol
from webapp.learning.running import tuned_before, unseen_tasks
from webapp.learning.steps import Say, loaded, play, wait
from webapp.learning.table import (
    attempts,
    difference,
    difference_in_words,
    repeats_of,
    success_cells,
)

ALONE, PLAIN, TUNED = "resample", "reflexion with luck", "retroformer sft with luck"


@dataclass(frozen=True, slots=True)
class Lucky:
    """The arms on the unseen games of the claim, all with the same first trials."""

    protocol: Protocol
    arms: Mapping[str, Experiment]


def run(protocol: Protocol, say: Say) -> Lucky:
    """Play them. Raises InvalidInput where nothing was tuned yet."""
    tuning = tuned_before(protocol)
    games, controls = unseen_tasks(protocol), parts.control_arms(protocol)
    arms = {ALONE: play(protocol.title(ALONE), games, controls[ALONE])}
    wait(arms.values(), say)  # the others take its first trials from the record
    configs = {
        PLAIN: (controls["reflexion"], ""),
        TUNED: (parts.trained_arm(protocol), loaded(tuning).name),
    }
    for name, (config, adapter) in configs.items():
        drawn = parts.with_luck(config, protocol)
        arms[name] = play(protocol.title(name), games, drawn, adapter=adapter)
    wait(arms.values(), say)
    return Lucky(protocol, arms)


def lines(found: Lucky) -> Iterator[str]:
    """Success by attempt with its interval, and the paired differences to luck alone."""
    trials = found.protocol.trials
    recorded = outcomes_of(one.pk for one in found.arms.values())
    solved = {name: solved_by(recorded[one.pk], trials) for name, one in found.arms.items()}
    yield f"| arm | {attempts(trials)} | against {ALONE} | p | repeats |"
    yield "|---" * (trials + 4) + "|"
    for name, one in found.arms.items():
        gap, p_value = difference(solved[ALONE], solved[name]) if name != ALONE else ("", "")
        cells = success_cells(recorded[one.pk], trials)
        yield f"| {name} | {cells} | {gap} | {p_value} | {repeats_of(one)} |"
    yield ""
    yield difference_in_words(solved, PLAIN, TUNED)
