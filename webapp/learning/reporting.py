"""The results as a report in the product, with live curves of the arms and the printed table."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from webapp.accounts.services import ensure_administrator
from webapp.experiments.models import Experiment
from webapp.learning.running import Measured
from webapp.learning.table import lines
from webapp.reports.models import Report
from webapp.reports.services.saving import create, save
from webapp.training.models import TrainingRun


def write_report(measured: Measured) -> Report:
    """Make the protocol's report, or add a version to it. It belongs to the administrator."""
    protocol, owner = measured.protocol, ensure_administrator()
    title, text = protocol.title("results"), "\n".join(_text(measured))
    known = Report.objects.filter(title=title).order_by("pk").first()
    if known is None:
        return create(title, text, owner)
    save(known.pk, title, text, owner, seen=known.version)
    known.refresh_from_db()
    return known


def _text(measured: Measured) -> Iterator[str]:
    protocol = measured.protocol
    yield f"# Does it learn? The {protocol.name} form"
    yield ""
    yield (
        f"{protocol.train_tasks} household games of the split `{protocol.train_split}` (seed"
        f" {protocol.train_seed}) for plans to tune on, {_rated(measured)}"
        f" {protocol.unseen_tasks} games of `{protocol.unseen_split}` (seed {protocol.unseen_seed})"
        f" to measure, up to {protocol.trials} attempts of {protocol.steps} steps. The actor is"
        f" frozen and acts at temperature 0, in `resample` at {protocol.luck_temperature}. All arms"
        f" have the same tasks and seed {protocol.seed}; intervals are 95 %, over tasks."
    )
    yield from ["", *lines(measured), ""]
    yield "## Time"
    yield from ["", *_minutes(measured), ""]
    yield "## Curves"
    trained = [name for name in measured.arms if name.startswith(("retroformer", "best", "plain"))]
    controls = [name for name in measured.arms if name not in trained]
    yield from _curve(measured, "Trained arms beside the plain reflector", ["reflexion", *trained])
    yield from _curve(measured, "Controls", controls)
    yield f"Limits: one seed, {protocol.unseen_tasks} tasks, one small actor and one world."


def _rated(measured: Measured) -> str:
    """Where ratings came from, once there are any."""
    protocol = measured.protocol
    if "reward_model" not in measured.runs:
        return "each verified by a real retry;"
    return (
        f"{protocol.rated_tasks} others (seed {protocol.rated_seed}) for ratings, each of a real"
        " retry;"
    )


def _curve(measured: Measured, title: str, names: Iterable[str]) -> Iterator[str]:
    numbers = ", ".join(str(measured.arms[name].pk) for name in names)
    yield from ["", "```curve", f"title: {title}", f"experiments: {numbers}", "```", ""]


def _first_trials(measured: Measured) -> "QuerySet[Experiment]":
    """What was reflected on, or gave plans: the first trials at temperature 0 and the draws."""
    protocol = measured.protocol
    draws = [f"luck {draw}" for draw in range(protocol.luck_draws)]
    names = ["first trials", "first trials elsewhere", *draws]
    return Experiment.objects.filter(name__in=[protocol.title(name) for name in names])


def _minutes(measured: Measured) -> Iterator[str]:
    """Wall-clock minutes from the first start to the last end of each part; parts overlap."""
    yield "| part | minutes |"
    yield "|---|---|"
    parts: dict[str, list[Experiment | TrainingRun]] = {
        "collecting reflections and their ratings": [*_first_trials(measured), *measured.collected],
        "training": [*measured.runs.values()],
        "all arms on unseen games": [*measured.arms.values()],
    }
    parts["everything"] = [row for rows in parts.values() for row in rows]
    for name, rows in parts.items():
        for row in rows:
            row.refresh_from_db()
        starts = [row.started_at for row in rows if row.started_at]
        ends = [row.finished_at for row in rows if row.finished_at]
        if starts and ends:
            yield f"| {name} | {(max(ends) - min(starts)).total_seconds() / 60:.0f} |"
