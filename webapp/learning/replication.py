"""The claim again: the tuned reflector beside the plain one on games that no arm has seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from webapp.experiments.curves import outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning import ranking
from webapp.learning.protocol import Protocol
from webapp.learning.running import tuned_before
from webapp.learning.steps import WORLD, Say, loaded, play, wait
from webapp.learning.table import attempts, difference_in_words, success_cells
from webapp.tasks.services import generated_set
from webapp.training.models import TrainingRun

PLAIN, TUNED = "reflexion", "retroformer sft"
SEEDS_ON = 202  # from the games of the protocol to other ones


@dataclass(frozen=True, slots=True)
class Replication:
    """Both arms on the fresh games, and what the reward model read on all unseen ones."""

    protocol: Protocol
    arms: Mapping[str, Experiment]
    readings: list[ranking.Reading] = field(default_factory=list)


def run(protocol: Protocol, say: Say) -> Replication:
    """Play both arms on fresh games. Raises InvalidInput where nothing was tuned yet."""
    tuning = tuned_before(protocol)
    seed = protocol.unseen_seed + SEEDS_ON
    games = generated_set(WORLD, protocol.unseen_split, protocol.unseen_tasks, seed)
    configs = {
        PLAIN: (parts.control_arms(protocol)["reflexion"], ""),
        TUNED: (parts.trained_arm(protocol), loaded(tuning).name),
    }
    arms = {
        name: play(protocol.title(f"{name} again"), games, config, adapter=adapter)
        for name, (config, adapter) in configs.items()
    }
    wait(arms.values(), say)
    return Replication(protocol, arms, _readings(protocol, arms, say))


def _readings(
    protocol: Protocol, arms: Mapping[str, Experiment], say: Say
) -> list[ranking.Reading]:
    """Of the protocol's arms and of these; none before there are arms and a reward model."""
    scorer = TrainingRun.objects.filter(name=protocol.title("reward model")).first()
    own = ranking.of_finished_arms(protocol, scorer) if scorer and scorer.adapter else None
    if scorer is None or own is None:
        return []
    fresh = tuple(one.pk for one in arms.values())
    readings = [own, ranking.Reading(protocol, scorer, fresh, tasks="fresh tasks")]
    say("The reward model reads what was written on the fresh games.")
    for reading in readings:
        ranking.read(reading)
    return readings


def lines(found: Replication) -> Iterator[str]:
    """Success by attempt with its interval, and the paired difference."""
    trials = found.protocol.trials
    recorded = outcomes_of(one.pk for one in found.arms.values())
    yield f"| arm | {attempts(trials)} |"
    yield "|---" * (trials + 1) + "|"
    for name, one in found.arms.items():
        yield f"| {name} | {success_cells(recorded[one.pk], trials)} |"
    solved = {name: solved_by(recorded[one.pk], trials) for name, one in found.arms.items()}
    yield ""
    yield difference_in_words(solved, PLAIN, TUNED)
    if found.readings:
        yield ""
        yield from ranking.lines(*found.readings)
