"""Training runs as their pages show them: every value already words."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from webapp import present
from webapp.experiments.page import Fact
from webapp.training.models import Sample, Snapshot, TrainingRun
from webapp.training.services.dry_runs import Preview, seconds_per_step
from webapp.training.services.specs import Change

Status = TrainingRun.Status
ACTIONS = {
    "stop": (Status.WAITING, Status.QUEUED, Status.LOST, Status.STARTING, Status.RUNNING),
    "resume": (Status.STOPPED, Status.FAILED),
    "delete": (Status.STOPPED, Status.FAILED, Status.DONE),
}
# The stylesheet's word for each state; those of experiments that look the same are taken over.
LOOKS = {"waiting": "draft", "starting": "queued", "stopping": "paused", "lost": "failed"}
LOOKS |= {"stopped": "cancelled", "done": "finished"}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of a list of training runs."""

    pk: int
    name: str
    stage: str
    preset: str
    status: str
    look: str
    reason: str
    snapshot: str
    snapshot_id: int
    progress: str
    share: float
    adapter_id: int | None
    adapter: str
    owner: str
    created: present.Moment | None


def run_rows(runs: Iterable[TrainingRun]) -> list[RunRow]:
    """Rows for runs whose owner, snapshot and adapter were fetched with them."""
    return [run_row(run) for run in runs]


def run_row(run: TrainingRun) -> RunRow:
    """One run."""
    status = run.shown_status
    return RunRow(
        pk=run.pk,
        name=run.name,
        stage=run.get_stage_display(),
        preset=run.preset,
        status=status,
        look=LOOKS.get(status, status),
        reason=run.reason,
        snapshot=run.snapshot.name,
        snapshot_id=run.snapshot_id,
        progress=progress_words(run),
        share=round(100 * min(run.step / run.steps_total, 1), 1) if run.steps_total else 0.0,
        adapter_id=run.adapter_id,
        adapter=run.adapter.name if run.adapter else "",
        owner=run.owner.get_username() if run.owner else present.DASH,
        created=present.moment(run.created_at),
    )


def mark(run: TrainingRun) -> str:
    """The stylesheet's word for the dot of a stage in its chain."""
    if run.status == Status.WAITING:
        return "waiting"
    if run.is_moving:
        return "moving"
    return "solved" if run.status == Status.DONE else "failed"


def progress_words(run: TrainingRun) -> str:
    """`12 of 30`, or the step alone."""
    total = f" of {present.count(run.steps_total)}" if run.steps_total else ""
    return f"{present.count(run.step)}{total}"


def allowed_actions(run: TrainingRun) -> list[str]:
    """What can be done to a run in its state."""
    if run.deleted_at is not None:
        return ["restore"]
    return [name for name, states in ACTIONS.items() if run.status in states]


def facts(run: TrainingRun) -> list[Fact]:
    """The strip of numbers at the top of a run's page."""
    pace = seconds_per_step(run)
    found = [Fact("Step", progress_words(run))]
    if pace is not None:
        found.append(Fact("Pace", present.duration(pace), note="a step"))
    if run.is_moving:
        left = pace * max(run.steps_total - run.step, 0) if pace and run.steps_total else None
        found.append(Fact("Time left", present.duration(left), note="at the latest pace"))
        found.append(_heartbeat(run))
    elif run.started_at and run.finished_at:
        took = (run.finished_at - run.started_at).total_seconds()
        found.append(Fact("Took", present.duration(took), note="with waits and resumes"))
        found += _peaks(run)
    return found


def _peaks(run: TrainingRun) -> list[Fact]:
    """What the finished run held at its most; runs of before this was measured tell nothing."""
    figures = run.adapter.figures if run.adapter else {}
    held, on_gpu = (figures.get(name) for name in ("peak_memory_gb", "peak_gpu_memory_gb"))
    note = "at its peak" if on_gpu is None else f"at its peak; on the GPU {on_gpu:.1f} GB"
    return [] if held is None else [Fact("Memory", f"{held:.1f}", "GB", note)]


def _heartbeat(run: TrainingRun) -> Fact:
    if run.heartbeat_at is None:
        return Fact("Trainer's heartbeat", present.DASH, note="it has not begun")
    seconds = max((timezone.now() - run.heartbeat_at).total_seconds(), 0)
    return Fact("Trainer's heartbeat", present.duration(round(seconds) or 1), note="ago")


def cursor(run: TrainingRun) -> str:
    """Changes when the live part of the page would look different."""
    log = zlib.crc32(run.log_tail.encode())
    beat = int(run.heartbeat_at.timestamp()) // 10 if run.heartbeat_at else 0
    return f"{run.shown_status}-{run.step}-{log}-{beat}"


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A text that the policy wrote."""

    task: str
    prompt: str
    text: str
    reward: str
    reward_class: str


def sample_rows(samples: Iterable[Sample]) -> list[SampleRow]:
    """The samples of one step."""
    return [
        SampleRow(
            task=sample.task_key,
            prompt=sample.prompt,
            text=sample.text,
            reward=present.signed(sample.reward) if sample.reward is not None else "",
            reward_class=present.rating_class(sample.reward),
        )
        for sample in samples
    ]


def sample_steps(run: TrainingRun) -> list[int]:
    """The evaluation steps whose samples are kept."""
    return list(run.samples.order_by("step").values_list("step", flat=True).distinct())


def snapshot_facts(snapshot: Snapshot) -> list[Fact]:
    """The strip of numbers at the top of a snapshot's page."""
    train, held = snapshot.counts["train"], snapshot.counts["validation"]
    people = snapshot.counts["rated_by_people"]
    share = people / snapshot.items_count if snapshot.items_count else None
    return [
        Fact("Items", present.count(snapshot.items_count)),
        Fact("To train on", present.count(train["items"]), note=_counted(train["tasks"], "task")),
        Fact("Held out", present.count(held["items"]), note=_counted(held["tasks"], "other task")),
        Fact("Helped", present.count(train["helped"] + held["helped"]), note="rating above 0"),
        Fact("Hurt", present.count(train["hurt"] + held["hurt"]), note="rating below 0"),
        Fact(
            "Rated by people",
            present.percent(share),
            note=f"{snapshot.counts['sign_changed_by_people']} changed sign",
        ),
    ]


def preview_facts(preview: Preview) -> list[Fact]:
    """The strip of numbers of a dry run."""
    run, counts = preview.run, preview.counts
    items = run.train_rows + run.validation_rows
    people = counts["rated_by_people"] / items if items else None
    accepted = run.accepted / run.train_rows if run.train_rows else None
    return [
        Fact("Trains on", present.count(run.items), note=f"of {run.train_rows} reflections"),
        Fact("Accepted", present.percent(accepted), note=f"{run.accepted} to {run.rejected}"),
        Fact(
            "Held out",
            present.count(run.validation_rows),
            note=_counted(run.validation_tasks, "task"),
        ),
        Fact(
            "By people",
            present.percent(people),
            note=f"{counts['sign_changed_by_people']} changed sign",
        ),
        Fact("Updates", present.count(run.updates), note=f"{run.tokens_per_update:,} tokens each"),
        Fact("Memory", f"{run.memory_bytes / 1e9:.1f}", "GB", _on_a_gpu(run.gpu_bytes)),
        Fact("Time", present.duration(preview.seconds), note=f"by {preview.paced_by}"),
    ]


def _on_a_gpu(held: int) -> str:
    return f"about; on a GPU {held / 1e9:.1f} GB"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def preview_context(preview: Preview) -> dict[str, Any]:
    """A dry run for its template."""
    return {
        "preview": preview,
        "preview_facts": preview_facts(preview),
        "differences": shown_changes(preview.differences),
    }


def shown_changes(found: Iterable[Change]) -> list[Change]:
    """Changes without those that only say where files are."""
    hidden = ("dataset.path", "dataset.sha256", "base_model.", "reward.folder")
    return [change for change in found if not change.name.startswith(hidden)]
