"""The arms beside each other, every number with its interval."""

from collections.abc import Iterator, Mapping, Sequence

from retro_core.memory import repeats_any
from retro_core.metrics import Interval, Outcome, mcnemar, paired_difference
from webapp.experiments.curves import Estimate, curve_of, outcomes_of, solved_by
from webapp.experiments.models import Experiment
from webapp.experiments.services import config_of
from webapp.learning import ranking
from webapp.learning.corrected import area_of
from webapp.learning.running import Measured
from webapp.present import DASH

BASELINE = "reflexion"


def lines(measured: Measured) -> Iterator[str]:
    """A Markdown table of the arms, then of the reward model and the ratings collected."""
    trials = measured.protocol.trials
    recorded = outcomes_of(one.pk for one in measured.arms.values())
    solved = {name: solved_by(recorded[one.pk], trials) for name, one in measured.arms.items()}
    yield f"| arm | {attempts(trials)} | against {BASELINE} | p | repeats | tokens computed |"
    yield "|---" * (trials + 5) + "|"
    for name, experiment in measured.arms.items():
        shares = success_cells(recorded[experiment.pk], trials)
        yield f"| {name} | {shares} | {_against(solved, name)} | {_cost(experiment)} |"
    yield ""
    yield from _collected(measured)
    if "reward_model" in measured.runs:
        yield from _reward_model(measured)
        yield ""
        yield from ranking.lines(ranking.of_arms(measured))


def attempts(trials: int) -> str:
    """The heads of the columns that `success_cells` fills."""
    return " | ".join(f"attempt {trial}" for trial in range(1, trials + 1))


def success_cells(recorded: Sequence[Outcome], trials: int) -> str:
    """Percent solved by each attempt with its interval; an attempt nobody needed adds nothing."""
    points = [point.success for point in curve_of(recorded)]
    shares = [f"{100 * point.mean:.0f} {ends(point)}" for point in points]
    return " | ".join(shares + shares[-1:] * (trials - len(shares)))


def ends(value: Interval | Estimate) -> str:
    """The interval in whole percent."""
    return f"[{100 * value.low:.0f}, {100 * value.high:.0f}]"


def _against(solved: Mapping[str, Mapping[str, bool]], name: str) -> str:
    """Difference in points with its paired interval, and McNemar's exact p."""
    if name == BASELINE:
        return "| "
    gap, p_value = difference(solved[BASELINE], solved[name])
    return f"{gap} | {p_value}"


def difference(first: Mapping[str, bool], second: Mapping[str, bool]) -> tuple[str, str]:
    """What the second solved more, in points with its paired interval, and McNemar's exact p."""
    gap = paired_difference(_numbers(first), _numbers(second))
    p_value = mcnemar(first, second).p_value
    return f"{100 * gap.value:+.0f} {ends(gap)}", f"{p_value:.3f}"


def difference_in_words(solved: Mapping[str, Mapping[str, bool]], first: str, second: str) -> str:
    """The same of two named arms as a sentence."""
    gap, p_value = difference(solved[first], solved[second])
    size, interval = gap.split(" ", 1)
    return f"{second} against {first}: {size} points {interval}, p {p_value}."


def _numbers(solved: Mapping[str, bool]) -> dict[str, float]:
    return {task: float(value) for task, value in solved.items()}


def _cost(experiment: Experiment) -> str:
    """Repeated reflections, and tokens; an episode that is copied from the record costs none."""
    experiment.refresh_from_db()
    tokens = experiment.prompt_tokens + experiment.completion_tokens
    return f"{repeats_of(experiment)} | {tokens / 1000:.0f} k"


def repeats_of(experiment: Experiment) -> str:
    """How many of how many reflections are repeated ones; empty where none was written."""
    count = experiment.reflections.count()
    return f"{repeats(experiment)} of {count}" if count else ""


def repeats(experiment: Experiment) -> int:
    """How many reflections say again what any earlier one of their task had said."""
    share, found = config_of(experiment).near_repeat_share, 0
    told: dict[int, list[str]] = {}
    rows = experiment.reflections.order_by("episode__task", "episode__trial")
    for task, text in rows.values_list("episode__task", "text"):
        before = told.setdefault(task, [])
        found += repeats_any(text, before, share)
        before.append(text)
    return found


def _collected(measured: Measured) -> Iterator[str]:
    yield "| ratings collected | reflections | positive | nought | negative |"
    yield "|---|---|---|---|---|"
    for experiment in measured.collected:
        rated = experiment.reflections.exclude(automatic_rating=None)
        signs = [
            rated.filter(automatic_rating__gt=0).count(),
            rated.filter(automatic_rating=0).count(),
            rated.filter(automatic_rating__lt=0).count(),
        ]
        yield f"| {experiment.name} | {rated.count()} | {' | '.join(map(str, signs))} |"
    yield ""


def _reward_model(measured: Measured) -> Iterator[str]:
    """How well the reward model tells accepted reflections of held-out training tasks."""
    run = measured.runs["reward_model"]
    found = run.adapter.figures.get("validation") if run.adapter else None
    if not found:
        yield "The reward model was measured on no held-out task."
        return
    yield "| reward model on held-out training tasks | ROC-AUC | cues alone | trial number alone |"
    yield "|---|---|---|---|"
    where = f"{found['rows']} reflections of {found['tasks']} tasks, {found['accepted']} accepted"
    cues = area_of(found["cue_auc"]) if "cue_auc" in found else DASH
    areas = f"{area_of(found['auc'])} | {cues} | {area_of(found['trial_auc'])}"
    yield f"| {where} | {areas} |"
