"""Two to eight experiments beside each other: paired tests over shared tasks, cost, warnings.

Every experiment is compared with the first, the baseline, on the tasks that both have played, up
to one trial that all have. Holm's correction is over the pairs of the page, once for success and
once for return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from retro_core.metrics import (
    Interval,
    McNemar,
    Outcome,
    cohens_g,
    flip_difference,
    holm,
    mcnemar,
    paired_difference,
    paired_p_value,
    standardised_difference,
)
from webapp.experiments.curves import (
    CurveTrial,
    areas,
    curve_of,
    outcomes_of,
    returns_by,
    solved_by,
)
from webapp.experiments.models import Experiment

FEWEST, MOST = 2, 8
FLIPS = ("fixed", "broke", "both", "neither")


@dataclass(frozen=True, slots=True)
class Contender:
    """One experiment with its curve; `number` is its place in the palette."""

    number: int
    experiment: Experiment
    points: list[CurveTrial]
    solved: Mapping[str, bool]
    returns: Mapping[str, float]
    trial: int

    @property
    def areas(self) -> tuple[float, float] | None:
        """Up to the trial that counts, the same for all."""
        return areas(self.points, self.trial)


@dataclass(frozen=True, slots=True)
class Difference:
    """Other minus baseline with its interval, p value, the same after Holm, and effect size."""

    value: Interval
    p_value: float
    p_holm: float
    effect: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The baseline and another experiment on the tasks that both have played."""

    other: Contender
    tasks: int
    flips: Mapping[str, list[str]] = field(default_factory=dict)
    success: Difference | None = None
    episode_return: Difference | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that the page shows; `trial` is the last one that counts."""

    contenders: list[Contender]
    pairs: list[Pair]
    trial: int
    trials: int
    warnings: list[str]

    @property
    def baseline(self) -> Contender:
        return self.contenders[0]


def compare(experiments: Sequence[Experiment], trial: int = 0) -> Comparison:
    """Compare with the first; without a trial, up to the last one that all may play."""
    recorded = outcomes_of(experiment.pk for experiment in experiments)
    trials = max(experiment.trials for experiment in experiments)
    trial = min(trial, trials) or min(experiment.trials for experiment in experiments)
    contenders = [
        _contender(number, experiment, recorded.get(experiment.pk, []), trial)
        for number, experiment in enumerate(experiments, start=1)
    ]
    pairs = [_pair(contenders[0], other) for other in contenders[1:]]
    return Comparison(contenders, _corrected(pairs), trial, trials, warnings(contenders, trial))


def _contender(
    number: int, experiment: Experiment, recorded: list[Outcome], trial: int
) -> Contender:
    solved, returns = solved_by(recorded, trial), returns_by(recorded, trial)
    return Contender(number, experiment, curve_of(recorded), solved, returns, trial)


def _pair(baseline: Contender, other: Contender) -> Pair:
    shared = baseline.solved.keys() & other.solved.keys()
    if not shared:
        return Pair(other, 0, {flip: [] for flip in FLIPS})
    test = mcnemar(baseline.solved, other.solved)
    return Pair(
        other,
        len(shared),
        _flips(baseline.solved, other.solved),
        _success_difference(test, len(shared)),
        _return_difference(baseline.returns, other.returns),
    )


def _success_difference(test: McNemar, tasks: int) -> Difference:
    value = flip_difference(test.only_first, test.only_second, tasks)
    effect = cohens_g(test.only_first, test.only_second)
    return Difference(value, test.p_value, test.p_value, effect)


def _return_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Difference:
    p_value = paired_p_value(first, second)
    value = paired_difference(first, second)
    return Difference(value, p_value, p_value, standardised_difference(first, second))


def _flips(first: Mapping[str, bool], second: Mapping[str, bool]) -> dict[str, list[str]]:
    """Ids of the shared tasks by what became of them."""
    flips: dict[str, list[str]] = {flip: [] for flip in FLIPS}
    names = {
        (False, True): "fixed",
        (True, False): "broke",
        (True, True): "both",
        (False, False): "neither",
    }
    for task in sorted(first.keys() & second.keys(), key=int):
        flips[names[first[task], second[task]]].append(task)
    return flips


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with Holm's p values; pairs without a shared task are no test."""
    tested = [pair for pair in pairs if pair.success and pair.episode_return]
    success = holm([pair.success.p_value for pair in tested if pair.success])
    returns = holm([pair.episode_return.p_value for pair in tested if pair.episode_return])
    held = {id(pair): (one, two) for pair, one, two in zip(tested, success, returns, strict=True)}
    return [_with_holm(pair, *held[id(pair)]) if id(pair) in held else pair for pair in pairs]


def _with_holm(pair: Pair, success: float, episode_return: float) -> Pair:
    assert pair.success is not None
    assert pair.episode_return is not None
    return replace(
        pair,
        success=replace(pair.success, p_holm=success),
        episode_return=replace(pair.episode_return, p_holm=episode_return),
    )


def warnings(contenders: Sequence[Contender], trial: int) -> list[str]:
    """What makes the experiments less comparable than they look."""
    baseline, found = contenders[0], []
    for other in contenders[1:]:
        name = other.experiment.name
        if other.experiment.environment != baseline.experiment.environment:
            found.append(f"{name}: another environment, {other.experiment.environment}.")
        found += _task_warnings(baseline, other)
        if _seeds(other.experiment) != _seeds(baseline.experiment):
            found.append(f"{name}: {_seed_words(other.experiment, baseline.experiment)}.")
    for one in contenders:
        if one.experiment.trials < trial:
            found.append(f"{one.experiment.name}: had {one.experiment.trials} trials only.")
        if one.experiment.status != Experiment.Status.FINISHED:
            found.append(f"{one.experiment.name}: is {one.experiment.status}, not finished.")
    return found


def _task_warnings(baseline: Contender, other: Contender) -> list[str]:
    shared = len(baseline.solved.keys() & other.solved.keys())
    most = max(len(baseline.solved), len(other.solved))
    if shared == most:
        return []
    name = other.experiment.name
    if not shared:
        return [f"{name}: no task in common with the baseline, so nothing is tested."]
    return [f"{name}: other tasks; the tests use the {shared} of {most} that both have played."]


def _seeds(experiment: Experiment) -> int | None:
    imported = experiment.source == Experiment.Source.IMPORTED
    return None if imported else experiment.seed


def _seed_words(other: Experiment, baseline: Experiment) -> str:
    if _seeds(other) is None or _seeds(baseline) is None:
        return "seeds are not known for imported episodes"
    return f"seed {other.seed}, the baseline has {baseline.seed}"
