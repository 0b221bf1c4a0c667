"""Which reflections a stage trains on, and whether they are enough to learn from."""

from collections.abc import Sequence

from retro_core.replay import preferences
from retro_core.training.failures import TrainingFailed
from retro_core.training.relabel import copy_counts
from retro_core.training.spec import Objective, TrainingSpec
from retro_core.types import RatedReflection


def items_of_stage(rows: Sequence[RatedReflection], spec: TrainingSpec) -> int:
    """How many items one epoch holds. Raises TrainingFailed where nothing can be learned."""
    dataset = spec.dataset
    if spec.stage == "sft":
        accepted = accepted_to_learn(rows, dataset.accept_above)
        return sum(copy_counts(accepted, dataset.copies, balanced=dataset.balanced))
    if spec.stage != "reward_model":
        return len(failures_to_answer(rows))
    objective = checked_objective(rows, spec)
    return len(preferences(rows)) if objective == "pairwise" else len(rows)


def accepted_rows(rows: Sequence[RatedReflection], above: float) -> list[RatedReflection]:
    """The reflections rated above the threshold."""
    return [row for row in rows if row.rating > above]


def accepted_to_learn(rows: Sequence[RatedReflection], above: float) -> list[RatedReflection]:
    """The accepted reflections, of which there must be some."""
    accepted = accepted_rows(rows, above)
    if not accepted:
        raise TrainingFailed(
            "empty_snapshot",
            f"None of the {len(rows)} training reflections is rated above {above}. Collect or rate"
            " more, or lower the threshold.",
        )
    return accepted


def failures(rows: Sequence[RatedReflection]) -> list[RatedReflection]:
    """One row for each failure: policy stages read its prompt, not its recorded reflection."""
    by_prompt = {(row.environment, row.task_id, row.trial, row.prompt): row for row in rows}
    return list(by_prompt.values())


def failures_to_answer(rows: Sequence[RatedReflection]) -> list[RatedReflection]:
    """The failures, of which there must be some."""
    found = failures(rows)
    if not found:
        raise TrainingFailed("empty_snapshot", "The snapshot holds no failure to train on.")
    return found


def choose_objective(rows: Sequence[RatedReflection], objective: Objective) -> Objective:
    """Settle `auto`: pairwise where at least half of the rows stand in a pair."""
    if objective != "auto":
        return objective
    pairs = preferences(rows)
    paired = {(pair.prompt, text) for pair in pairs for text in (pair.chosen, pair.rejected)}
    return "pairwise" if pairs and 2 * len(paired) >= len(rows) else "bce"


def checked_objective(rows: Sequence[RatedReflection], spec: TrainingSpec) -> Objective:
    """The reward model's objective. Raises TrainingFailed where it cannot be learned."""
    objective = choose_objective(rows, spec.reward_model.objective)
    check_classes(rows, spec.dataset.accept_above, objective)
    if spec.reward_model.cues:
        _check_cues(rows, objective)
    return objective


def _check_cues(rows: Sequence[RatedReflection], objective: Objective) -> None:
    """Cues are weighed by accepted against rejected, and read with one environment's texts."""
    if objective != "bce":
        raise TrainingFailed(
            "invalid_input",
            f"reward_model.cues needs the objective bce, not {objective}. Choose bce, or switch the"
            " cues off.",
        )
    worlds = sorted({row.environment for row in rows})
    if len(worlds) > 1:
        raise TrainingFailed(
            "invalid_input",
            f"reward_model.cues needs reflections of one environment, not of {', '.join(worlds)}."
            " Freeze a snapshot of one, or switch the cues off.",
        )


def check_classes(rows: Sequence[RatedReflection], above: float, objective: Objective) -> None:
    """Refuse a snapshot from which nothing can be told apart."""
    if not rows:
        raise TrainingFailed("empty_snapshot", "The snapshot holds no rated reflection.")
    accepted = len(accepted_rows(rows, above))
    if objective == "bce" and accepted in (0, len(rows)):
        raise TrainingFailed(
            "one_class_labels",
            f"{accepted} of {len(rows)} training reflections are rated above {above}: both"
            " accepted and rejected ones are needed. Collect or rate more, or move the threshold.",
        )
    if objective == "regression" and len({row.rating for row in rows}) == 1:
        raise TrainingFailed("one_class_labels", "All ratings are equal: nothing can be learned.")
    if objective == "pairwise" and not preferences(rows):
        raise TrainingFailed(
            "one_class_labels",
            "No failure has two reflections of different rating. Use the objective bce, or collect"
            " several reflections of each failure.",
        )
