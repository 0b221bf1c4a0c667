"""What a reward model is worth on held-out tasks, beside what the trial number alone tells."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retro_core.training.snapshot import Snapshot
from retro_core.training.spec import TrainingSpec
from retro_core.types import RatedReflection

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
BINS = 10


def measure_reward_model(
    snapshot: Snapshot,
    scores: Sequence[float],
    spec: TrainingSpec,
    *,
    probabilities: bool,
    cue_scores: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Figures of the scores of `snapshot.validation`, as JSON values.

    `probabilities` tells that scores are log-odds, so that their calibration means something.
    `cue_scores` are what the cues alone give, where the model began with them.
    """
    rows, above = snapshot.validation, spec.dataset.accept_above
    accepted = np.array([row.rating > above for row in rows])
    own, trials = np.array(scores, dtype=np.float64), trial_scores(snapshot, above)
    tasks = [f"{row.environment}/{row.task_id}" for row in rows]

    def area(values: Floats) -> dict[str, float | None]:
        resamples, seed = spec.evaluation.bootstrap, spec.seed
        return auc_with_interval(values, accepted, tasks, resamples=resamples, seed=seed)

    return {
        "rows": len(rows),
        "tasks": len(set(tasks)),
        "accepted": int(accepted.sum()),
        "auc": area(own),
        "trial_auc": area(trials),
        **({} if cue_scores is None else {"cue_auc": area(np.array(cue_scores, np.float64))}),
        **_pair_figures(rows, own, trials),
        "calibration": calibration(sigmoid(own), accepted) if probabilities else None,
    }


def trial_scores(snapshot: Snapshot, above: float) -> Floats:
    """The baseline that reads no text: the trial number, its sign learned on the training rows."""
    trials = np.array([row.trial for row in snapshot.train], dtype=np.float64)
    accepted = np.array([row.rating > above for row in snapshot.train])
    known = auc(trials, accepted)
    sign = -1.0 if known is not None and known < 0.5 else 1.0
    return sign * np.array([row.trial for row in snapshot.validation], dtype=np.float64)


def auc(scores: Floats, accepted: Booleans) -> float | None:
    """Share of (accepted, rejected) pairs in the right order, ties half; None for one class."""
    positives, negatives = int(accepted.sum()), int((~accepted).sum())
    if not positives or not negatives:
        return None
    ranks = average_ranks(scores)
    wins = ranks[accepted].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))


def average_ranks(values: Floats) -> Floats:
    """1-based ranks; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[places]
    return ranks


def auc_with_interval(
    scores: Floats, accepted: Booleans, tasks: Sequence[str], *, resamples: int, seed: int
) -> dict[str, float | None]:
    """The AUC with its 95 % interval from resampled tasks; a resample of one class is skipped."""
    names, places = np.unique(np.array(tasks), return_inverse=True)
    members = [np.flatnonzero(places == place) for place in range(len(names))]
    random = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        drawn = random.integers(len(names), size=len(names))
        picked = np.concatenate([members[place] for place in drawn])
        value = auc(scores[picked], accepted[picked])
        found += [] if value is None else [value]
    # One task drawn again and again is always itself: no interval.
    known = len(names) > 1 and found
    low, high = np.quantile(found, [0.025, 0.975]).tolist() if known else (None, None)
    return {"mean": auc(scores, accepted), "low": low, "high": high}


def calibration(chances: Floats, accepted: Booleans) -> dict[str, Any]:
    """Predicted against real share of accepted ones in ten bins, their mean gap, and Brier."""
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    table, gap = [], 0.0
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            predicted, real = float(chances[inside].mean()), float(accepted[inside].mean())
            table.append({"predicted": predicted, "accepted": real, "n": int(inside.sum())})
            gap += abs(predicted - real) * inside.mean()
    brier = float(((chances - accepted) ** 2).mean()) if len(chances) else 0.0
    return {"bins": table, "expected_error": float(gap), "brier": brier}


def sigmoid(scores: Floats) -> Floats:
    """Log-odds to probability."""
    chances: Floats = 1.0 / (1.0 + np.exp(-np.clip(scores, -60.0, 60.0)))
    return chances


def pair_accuracy(
    pairs: Sequence[tuple[RatedReflection, RatedReflection]],
    score_of: Callable[[RatedReflection], float],
) -> float | None:
    """Share of pairs in which the better reflection scores higher, ties half."""
    if not pairs:
        return None
    gaps = np.array([score_of(better) - score_of(worse) for better, worse in pairs])
    return float((gaps > 0).mean() + 0.5 * (gaps == 0).mean())


def pairs_within(
    rows: Sequence[RatedReflection], group: Callable[[RatedReflection], tuple[str, ...]]
) -> list[tuple[RatedReflection, RatedReflection]]:
    """(better, worse) for every two reflections of one group whose ratings differ."""
    groups: dict[tuple[str, ...], list[RatedReflection]] = defaultdict(list)
    for row in rows:
        groups[(row.environment, *group(row))].append(row)
    couples = (permutations(members, 2) for members in groups.values())
    return [(one, two) for pairs in couples for one, two in pairs if one.rating > two.rating]


def _pair_figures(
    rows: Sequence[RatedReflection], own: Floats, trials: Floats
) -> dict[str, float | int | str | None]:
    """Within the same failure where there are several candidates, else within the same task."""
    pairs, kind = (
        pairs_within(rows, lambda row: (row.task_id, str(row.trial), row.prompt)),
        "same_failure",
    )
    if not pairs:
        pairs, kind = pairs_within(rows, lambda row: (row.task_id,)), "same_task"
    place = {id(row): number for number, row in enumerate(rows)}
    return {
        "pairs": len(pairs),
        "pair_kind": kind,
        "pair_accuracy": pair_accuracy(pairs, lambda row: float(own[place[id(row)]])),
        "trial_pair_accuracy": pair_accuracy(pairs, lambda row: float(trials[place[id(row)]])),
    }
