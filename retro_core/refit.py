"""What people's ratings would change: a small head on frozen features, with and without them.

Ridge regression of "the rating is above nought" on the features, every task scored by a head that
saw none of it. The truth that both are measured against is the effective rating.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retro_core.training.evaluation import auc, auc_with_interval, average_ranks

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)  # of the ridge, on standardised features
FOLDS = 5
RESAMPLES = 1000
MOVES_KEPT = 30


@dataclass(frozen=True, slots=True)
class RatedFeatures:
    """One reflection: features of its text, both ratings, the trial and the task."""

    key: int
    vector: Floats
    automatic: float | None
    effective: float
    trial: int
    task: str


def effect_of_people(rows: Sequence[RatedFeatures], *, seed: int = 0) -> dict[str, Any]:
    """Held-out AUC with and without people's ratings, beside the trial number, as JSON values."""
    features = np.stack([row.vector for row in rows])
    tasks = [row.task for row in rows]
    folds = folds_by_task(tasks, seed)
    known = np.array([row.automatic is not None for row in rows])
    automatic = np.array([(row.automatic or 0.0) > 0 for row in rows])
    truth = np.array([row.effective > 0 for row in rows])
    trials = np.array([[float(row.trial)] for row in rows])
    everyone = np.ones(len(rows), dtype=np.bool_)
    before = held_out_scores(features, automatic, known, folds)
    after = held_out_scores(features, truth, everyone, folds)
    baseline = held_out_scores(trials, truth, everyone, folds)

    def measured(scores: Floats) -> dict[str, float | None]:
        return auc_with_interval(scores, truth, tasks, resamples=RESAMPLES, seed=seed)

    return {
        "rows": len(rows),
        "tasks": len(set(tasks)),
        "without": measured(before),
        "with": measured(after),
        "trial": measured(baseline),
        "gain": auc_gain(before, after, truth, tasks, seed=seed),
        "moves": rank_moves([row.key for row in rows], before, after),
    }


def folds_by_task(tasks: Sequence[str], seed: int) -> NDArray[np.int64]:
    """The fold of each row; the rows of one task share theirs."""
    names = sorted(set(tasks))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[place]: number % FOLDS for number, place in enumerate(order)}
    return np.array([fold[task] for task in tasks])


def held_out_scores(
    features: Floats, labels: Booleans, usable: Booleans, folds: NDArray[np.int64]
) -> Floats:
    """Score each row by a head fitted on the usable rows of the other folds.

    Shapes: features (N, D); the others and the result (N,).
    """
    scores = np.zeros(len(features))
    for fold in np.unique(folds):
        inside = folds == fold
        train = usable & ~inside
        if train.any():
            scores[inside] = _ridge(features[train], labels[train], features[inside])
    return scores


def auc_gain(
    before: Floats, after: Floats, truth: Booleans, tasks: Sequence[str], *, seed: int
) -> dict[str, float | None]:
    """The AUC after less the AUC before, with its 95 % interval over resampled tasks."""
    whole = _gain(before, after, truth)
    names, places = np.unique(np.array(tasks), return_inverse=True)
    members = [np.flatnonzero(places == place) for place in range(len(names))]
    random = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        drawn = random.integers(len(names), size=len(names))
        picked = np.concatenate([members[place] for place in drawn])
        gain = _gain(before[picked], after[picked], truth[picked])
        found += [] if gain is None else [gain]
    # One task drawn again and again is always itself: no interval.
    known = len(names) > 1 and found
    low, high = np.quantile(found, [0.025, 0.975]).tolist() if known else (None, None)
    return {"mean": whole, "low": low, "high": high}


def rank_moves(keys: Sequence[int], before: Floats, after: Floats) -> list[dict[str, float]]:
    """The rows whose rank moves most, as shares of all rows: 1.0 is the best."""
    old, new = average_ranks(before) / len(keys), average_ranks(after) / len(keys)
    order = np.argsort(-np.abs(new - old), kind="stable")[:MOVES_KEPT]
    return [
        {"key": keys[place], "before": float(old[place]), "after": float(new[place])}
        for place in order
        if old[place] != new[place]
    ]


def _gain(before: Floats, after: Floats, truth: Booleans) -> float | None:
    old, new = auc(before, truth), auc(after, truth)
    return None if old is None or new is None else new - old


def _ridge(features: Floats, labels: Booleans, asked: Floats) -> Floats:
    """Fit on standardised features, the strength chosen by the exact leave-one-out error."""
    middle, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread == 0] = 1.0
    known, wanted = (features - middle) / spread, (asked - middle) / spread
    target = labels.astype(np.float64)
    offset = target.mean()
    left, values, right = np.linalg.svd(known, full_matrices=False)
    turned = left.T @ (target - offset)

    def shrunk(strength: float) -> Floats:
        share: Floats = values**2 / (values**2 + strength)
        return share

    def error(strength: float) -> float:
        fitted = left @ (shrunk(strength) * turned)
        leverage = (left**2) @ shrunk(strength) + 1 / len(target)
        return float((((target - offset - fitted) / (1 - np.minimum(leverage, 0.999))) ** 2).mean())

    best = min(STRENGTHS, key=error)
    weights = right.T @ (values / (values**2 + best) * turned)
    # Without the training mean: it differs from fold to fold and would rank the folds.
    scores: Floats = wanted @ weights
    return scores
