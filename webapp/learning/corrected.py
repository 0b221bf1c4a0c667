"""What corrected ratings are worth: the table of the simulated annotator."""

from collections.abc import Iterator, Mapping

import numpy as np

from retro_core.refit import folds_by_task, held_out_scores
from retro_core.training.evaluation import auc_with_interval
from webapp.annotation.models import TextFeatures
from webapp.annotation.services import measuring
from webapp.experiments.curves import curve_of, outcomes_of
from webapp.learning.annotator import Corrected, words
from webapp.training.models import Snapshot

RESAMPLES = 1000
Area = Mapping[str, float | None]


def lines(found: Corrected) -> Iterator[str]:
    """Held-out quality and final success against the share of ratings that were looked at."""
    yield (
        f"{found.protocol.noise:.0%} of the retries' outcomes turned round; quality is the ROC-AUC,"
        " against the ratings without noise, of a head on frozen features, each task scored by a"
        " head that saw none of it."
    )
    yield ""
    yield "| looked at | corrected so far | quality | success, best of N with that reward model |"
    yield "|---|---|---|---|"
    recorded = outcomes_of(one.pk for one in found.arms.values())
    for share, rated in found.snapshots.items():
        items, wrong = found.answered[share]
        success = ""
        if share in found.arms:
            last = curve_of(recorded[found.arms[share].pk])[-1].success
            success = f"{100 * last.mean:.0f} [{100 * last.low:.0f}, {100 * last.high:.0f}]"
        area = area_of(quality(found, rated))
        yield f"| {words(share)} | {wrong} of {items} | {area} | {success} |"


def quality(found: Corrected, rated: Snapshot) -> Area:
    """Held-out ROC-AUC against the truth of a head fitted on the ratings of this snapshot."""
    text = rated.items.order_by("position").values_list("text", flat=True)[0]
    base = TextFeatures.objects.filter(text_sha256=measuring.digest(text)).latest("pk").base
    rows = measuring.rated_features(rated, base)
    reflections = dict(rated.items.values_list("position", "reflection"))
    tasks = [row.task for row in rows]
    truth = np.array([found.truth[reflections[row.key]] > 0 for row in rows])
    scores = held_out_scores(
        np.stack([row.vector for row in rows]),
        np.array([row.effective > 0 for row in rows]),
        np.ones(len(rows), dtype=np.bool_),
        folds_by_task(tasks, found.protocol.seed),
    )
    seed = found.protocol.seed
    return auc_with_interval(scores, truth, tasks, resamples=RESAMPLES, seed=seed)


def area_of(value: Area) -> str:
    """An area with its interval, in words where it is not known."""
    if value["mean"] is None:
        return "one class only"
    ends = [value["low"], value["high"]]
    told = ", ".join("?" if end is None else f"{end:.2f}" for end in ends)
    return f"{value['mean']:.2f} [{told}]"
