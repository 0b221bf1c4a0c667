"""Reflections from rows, each to its episode."""

from collections.abc import Sequence

from django.utils import timezone

from webapp.episodes.closed import closed_to_all, closed_to_new
from webapp.episodes.log_lines import moment
from webapp.episodes.models import Episode, Reflection
from webapp.exchange.reading import Found
from webapp.exchange.taking.counts import Refuse, Taken

EXPERIMENT_COLUMNS = [f"experiment__{name}" for name in ("name", "source", "status", "deleted_at")]
Place = tuple[str, str, int]  # experiment, task, trial


def place_of(row: Found) -> Place:
    """The names that a row gives its episode."""
    return row.values["experiment"], row.values["task_id"], row.values["trial"]


def first_of_their_place(rows: Sequence[Found], seen: set[Place], refuse: Refuse) -> list[Found]:
    """The rows without those that name the same trial again."""
    found = []
    for row in rows:
        if place_of(row) in seen:
            refuse(row.number, "the same experiment, task and trial as a row before")
        else:
            seen.add(place_of(row))
            found.append(row)
    return found


class ReflectionShelf:
    """The reflections of one import. Used inside one transaction."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.touched: set[int] = set()  # experiments
        self._seen: set[Place] = set()

    def put(self, rows: Sequence[Found], refuse: Refuse) -> None:
        """Store the new ones; one that is here with another text is refused."""
        rows = first_of_their_place(rows, self._seen, refuse)
        episodes = _episodes(rows)
        new = []
        for row in rows:
            episode = episodes.get(place_of(row))
            reason = _why_not(row, episode)
            if reason:
                refuse(row.number, reason)
            elif episode is not None and hasattr(episode, "reflection"):
                self.taken.known["reflections"] += 1
            elif episode is not None:
                new.append(_reflection(row, episode))
        Reflection.objects.bulk_create(new, batch_size=500)
        self.touched |= {row.experiment_id for row in new}
        self.taken.new["reflections"] += len(new)


def _episodes(rows: Sequence[Found]) -> dict[Place, Episode]:
    places = [place_of(row) for row in rows]
    found = (
        Episode.objects.filter(
            experiment__name__in={name for name, _, _ in places},
            task__key__in={key for _, key, _ in places},
            trial__in={trial for _, _, trial in places},
        )
        .select_related("experiment", "task", "reflection")
        .only("trial", *EXPERIMENT_COLUMNS, "task__key", "reflection__text")
    )
    return {(row.experiment.name, row.task.key, row.trial): row for row in found}


def _why_not(row: Found, episode: Episode | None) -> str:
    if episode is None:
        return "its episode is neither in the file nor here"
    written = getattr(episode, "reflection", None)
    closed = closed_to_all(episode.experiment)
    if closed:
        return closed
    if written is None:
        return closed_to_new(episode.experiment)
    if written.text != row.values["text"]:
        return "this trial has another reflection here already"
    return ""


def _reflection(row: Found, episode: Episode) -> Reflection:
    values = row.values
    written = values.get("written_at")
    return Reflection(
        episode=episode,
        experiment_id=episode.experiment_id,
        text=values["text"],
        prompt=values.get("prompt") or "",
        adapter=values.get("adapter") or "",
        source=values.get("source") or Reflection.Source.MODEL,
        candidates=values.get("candidates") or [],
        seed=values.get("seed") or 0,
        automatic_rating=values.get("automatic_rating"),
        human_rating=values.get("human_rating"),
        effective_rating=values.get("effective_rating"),
        repeats_previous=values.get("repeats_previous") or False,
        prompt_tokens=values.get("prompt_tokens") or 0,
        completion_tokens=values.get("completion_tokens") or 0,
        seconds=values.get("seconds") or 0.0,
        written_at=moment(written, "written_at") if written else timezone.now(),
    )
