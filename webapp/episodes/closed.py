"""Why an experiment that is here takes no rows of an import; empty words where it does."""

from webapp.experiments.models import Experiment

OTHER_NAME = "or import under another name"


def closed_to_all(experiment: Experiment) -> str:
    """Why no row may name it, not even one that is here already."""
    if experiment.deleted_at is None:
        return ""
    return f"an experiment named {experiment.name!r} was deleted: restore it first, {OTHER_NAME}"


def closed_to_new(experiment: Experiment) -> str:
    """Why nothing may be added to it, and nothing derived anew from what is here."""
    if experiment.source != Experiment.Source.IMPORTED:
        return played_here(experiment)
    if experiment.takes_pushes:
        return (
            f"an experiment named {experiment.name!r} still takes pushed episodes:"
            f" finish or cancel it first, {OTHER_NAME}"
        )
    return ""


def played_here(experiment: Experiment) -> str:
    """What is played here is never mixed with what comes from elsewhere."""
    return f"an experiment named {experiment.name!r} was played here; import under another name"
