"""A reward model of games that the reflector was not tuned on.

On the games that its plans come from, the tuned reflector still knows where things lie: its long
searches help there as often as its short plans, on other games far less. So the protocol's own
reward model learns to trust searches. This one learns from samples on other games, and from whole
runs of the plain reflector, whose later failures tell of reflections that did not help.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from retro_core.errors import InvalidInput
from webapp.experiments.curves import outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning import ranking
from webapp.learning.protocol import Protocol
from webapp.learning.replication import PLAIN, SEEDS_ON, TUNED
from webapp.learning.running import Measured, sampled, train_tasks, unseen_tasks
from webapp.learning.steps import WORLD, Say, loaded, made, play, snapshot, train, wait
from webapp.learning.table import attempts, difference, success_cells
from webapp.tasks.services import generated_set
from webapp.training.models import TrainingRun
from webapp.training.services.buffer import BufferQuery

ELSEWHERE = "elsewhere"
JUDGED = f"best of n, judge from {ELSEWHERE}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What that reward model was read on, and the arm that it chose for."""

    measured: Measured
    arm: Experiment


def run(protocol: Protocol, say: Say) -> Judged:
    """Collect on other games, train on those ratings, read and play.

    Raises InvalidInput where the arms that it is read on are not played yet.
    """
    tuning = TrainingRun.objects.filter(name=protocol.title("sft")).first()
    arms = {name: _finished(protocol, name) for name in ranking.ARMS}
    if tuning is None or not all(arms.values()):
        raise InvalidInput("There are no arms to read reflections of: run `make learn` first.")
    collected = _collected(protocol, tuning, say)
    query = BufferQuery(experiments=tuple(one.pk for one in collected), seed=protocol.seed)
    rated = snapshot(protocol, f"ratings {ELSEWHERE}", query)
    once = replace(protocol, reward_epochs=1.0)  # twice the ratings of the protocol's own
    judge = train(once, "reward_model", rated, part=ELSEWHERE, parent=made(tuning))
    wait([judge], say)
    found = {name: one for name, one in arms.items() if one is not None}
    measured = Measured(protocol, found, {"sft": tuning, "reward_model": judge}, collected)
    say("The reward model reads what was written on the unseen tasks.")
    ranking.read(measured)
    return Judged(measured, _arm(measured, say))


def _finished(protocol: Protocol, name: str) -> Experiment | None:
    finished = Experiment.objects.filter(status=Experiment.Status.FINISHED)
    return finished.filter(name=protocol.title(name)).first()


def _collected(protocol: Protocol, tuning: TrainingRun, say: Say) -> list[Experiment]:
    """Samples of the tuned reflector on other games of the split, and whole runs of the plain."""
    seed = protocol.train_seed + SEEDS_ON
    games = generated_set(WORLD, protocol.train_split, protocol.train_tasks, seed)
    first = play(protocol.title(f"first trials {ELSEWHERE}"), games, parts.first_trials(protocol))
    plain = play(
        protocol.title(f"whole runs of {PLAIN}"),
        train_tasks(protocol),
        parts.control_arms(protocol)[PLAIN],
    )
    wait([first], say)
    samples = sampled(protocol, tuning, games, say, where=ELSEWHERE)
    wait([plain], say)
    return [*samples, plain]


def _arm(measured: Measured, say: Say) -> Experiment:
    """Best of N of the tuned reflector, chosen by that reward model."""
    protocol = measured.protocol
    config = parts.trained_arm(protocol, reward_model=made(measured.runs["reward_model"]).name)
    tuned = loaded(measured.runs["sft"]).name
    arm = play(protocol.title(JUDGED), unseen_tasks(protocol), config, adapter=tuned)
    wait([arm], say)
    return arm


def lines(found: Judged) -> Iterator[str]:
    """What it tells on unseen games, and what its choices solve beside those without it."""
    yield from ranking.lines(found.measured)
    trials = found.measured.protocol.trials
    arms = {name: found.measured.arms[name] for name in (PLAIN, TUNED)} | {JUDGED: found.arm}
    recorded = outcomes_of(one.pk for one in arms.values())
    solved = {name: solved_by(recorded[one.pk], trials) for name, one in arms.items()}
    yield ""
    yield f"| arm | {attempts(trials)} | against {PLAIN} | p |"
    yield "|---" * (trials + 3) + "|"
    for name, one in arms.items():
        gap, p_value = difference(solved[PLAIN], solved[name]) if name != PLAIN else ("", "")
        yield f"| {name} | {success_cells(recorded[one.pk], trials)} | {gap} | {p_value} |"
