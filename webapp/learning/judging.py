"""A reward model of whole runs: it has seen later failures too, as it will where it is asked.

The protocol's own reward model learns from first failures alone. After several attempts the
failures left are the hard ones, and the prompt tells of reflections that did not help; who has only
seen first failures cannot know what that means.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from retro_core.errors import InvalidInput
from webapp.experiments.curves import outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning import ranking
from webapp.learning.protocol import Protocol
from webapp.learning.running import Measured, collect_samples, train_tasks, unseen_tasks
from webapp.learning.steps import Say, loaded, made, play, snapshot, train, wait
from webapp.learning.table import attempts, difference, success_cells
from webapp.training.models import TrainingRun
from webapp.training.services.buffer import BufferQuery

PLAIN, TUNED = "reflexion", "retroformer sft"
JUDGED = "best of n, judge of whole runs"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the reward model of whole runs was read on, and the arm that it chose for."""

    measured: Measured
    arm: Experiment


def run(protocol: Protocol, say: Say) -> Judged:
    """Play whole runs of the training games, train on all their ratings, read and play.

    Raises InvalidInput where the arms that it is read on are not played yet.
    """
    tuning = TrainingRun.objects.filter(name=protocol.title("sft")).first()
    arms = {name: _finished(protocol, name) for name in ranking.ARMS}
    if tuning is None or not all(arms.values()):
        raise InvalidInput("There are no arms to read reflections of: run `make learn` first.")
    whole = _whole_runs(protocol, tuning)
    samples = collect_samples(protocol, tuning, say)
    wait(whole, say)
    query = BufferQuery(experiments=tuple(one.pk for one in (*samples, *whole)), seed=protocol.seed)
    rated = snapshot(protocol, "ratings of whole runs", query)
    once = replace(protocol, reward_epochs=1.0)  # three times the ratings of the samples alone
    judge = train(once, "reward_model", rated, part="of whole runs", parent=made(tuning))
    wait([judge], say)
    found = {name: one for name, one in arms.items() if one is not None}
    measured = Measured(protocol, found, {"sft": tuning, "reward_model": judge}, whole)
    say("The reward model reads what was written on the unseen tasks.")
    ranking.read(measured)
    return Judged(measured, _arm(measured, say))


def _finished(protocol: Protocol, name: str) -> Experiment | None:
    finished = Experiment.objects.filter(status=Experiment.Status.FINISHED)
    return finished.filter(name=protocol.title(name)).first()


def _whole_runs(protocol: Protocol, tuning: TrainingRun) -> list[Experiment]:
    """Both writers on the training games, as on the unseen ones."""
    tasks, plain = train_tasks(protocol), parts.control_arms(protocol)[PLAIN]
    tuned = parts.trained_arm(protocol)
    return [
        play(protocol.title(f"whole runs of {TUNED}"), tasks, tuned, adapter=loaded(tuning).name),
        play(protocol.title(f"whole runs of {PLAIN}"), tasks, plain),
    ]


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
