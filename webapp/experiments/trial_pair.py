"""Two trials of a task beside each other, with the reflections between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from retro_core.alignment import Pair, Words, aligned, first_parting, word_changes
from retro_core.plans import plan_lines
from webapp import present
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.timeline import StepRow, rows_with_moves, truncation_words

STEPS_ALIGNED = 200  # of each trial; the cost grows with the product
ALIKE_SHOWN = 5  # a longer run of equal steps is folded
ALIKE_ENDS = 2
REFLECTIONS_BETWEEN = 3
STEPS_OF_LINE = 6
WORDS_COMPARED = 8000  # characters of each reflection


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two trials."""

    episode: Episode
    episode_return: str
    truncation: str


@dataclass(frozen=True, slots=True)
class Row:
    """A step of each trial, or of one; `line` is the sentence that the later one follows."""

    number: int
    kind: str
    before: StepRow | None
    after: StepRow | None
    line: "Line | None"
    parts_here: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that are shown, or a run of equal ones that is folded."""

    rows: list[Row]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a reflection, with the steps of the later trial that carried it out."""

    number: int
    text: str
    steps: list[StepRow]
    more: int

    @property
    def words(self) -> str:
        return self.text.rstrip()

    @property
    def gap(self) -> str:
        """What parts it from the next one: the numbers of its steps belong before it."""
        return self.text[len(self.words) :]


@dataclass(frozen=True, slots=True)
class Rated:
    """A value with its sign and colour, and where it comes from."""

    name: str
    value: str
    css: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """A reflection between the two trials."""

    pk: int
    trial: int
    lines: list[Line]
    ratings: list[Rated]
    repeats: bool
    by_person: bool


@dataclass(frozen=True, slots=True)
class TrialPair:
    """Everything that the comparison shows."""

    before: Side
    after: Side
    bridges: list[Bridge]
    stretches: list[Stretch]
    parting: Row | None
    alike: int
    cut: bool


def trial_pair(before: Episode, after: Episode, trials: Sequence[Episode]) -> TrialPair:
    """Align the two trials; `trials` are all of the task, with their reflections."""
    old, new = rows_with_moves(before, STEPS_ALIGNED), rows_with_moves(after, STEPS_ALIGNED)
    pairs = aligned([move for _, move in old], [move for _, move in new])
    later_rows = [row for row, _ in new]
    bridges = [
        _bridge(row, later_rows, row.trial == after.trial - 1)
        for row in _between(before, after, trials)
    ]
    line_of = {
        step.index: line for bridge in bridges for line in bridge.lines for step in line.steps
    }
    parting = first_parting(pairs)
    rows = [
        _aligned_row(place, pair, [row for row, _ in old], later_rows, line_of, parting)
        for place, pair in enumerate(pairs)
    ]
    return TrialPair(
        before=_side(before),
        after=_side(after),
        bridges=bridges,
        stretches=list(_stretches(rows)),
        parting=None if parting is None else rows[parting],
        alike=sum(row.kind == "same" for row in rows),
        cut=max(before.step_count, after.step_count) > STEPS_ALIGNED,
    )


def changed_words(old: Reflection, new: Reflection) -> list[Words]:
    """The words by which two reflections differ."""
    return word_changes(old.text[:WORDS_COMPARED], new.text[:WORDS_COMPARED])


def _between(before: Episode, after: Episode, trials: Sequence[Episode]) -> list[Episode]:
    """Episodes whose reflection was written from the one trial to the other."""
    reflected = [
        row
        for row in trials
        if before.trial <= row.trial < after.trial and getattr(row, "reflection", None)
    ]
    return reflected[-REFLECTIONS_BETWEEN:]


def _side(episode: Episode) -> Side:
    return Side(episode, present.decimal(episode.episode_return), truncation_words(episode))


def _bridge(episode: Episode, later: Sequence[StepRow], numbered: bool) -> Bridge:
    """Only the sentences of the latest reflection are joined to steps."""
    reflection = episode.reflection
    actions = [row.action for row in later] if numbered else []
    lines = [
        Line(
            number,
            line.text,
            [later[place] for place in line.steps[:STEPS_OF_LINE]],
            max(len(line.steps) - STEPS_OF_LINE, 0),
        )
        for number, line in enumerate(plan_lines(reflection.text, actions), start=1)
    ]
    return Bridge(
        pk=reflection.pk,
        trial=episode.trial,
        lines=lines,
        ratings=ratings_of(reflection),
        repeats=reflection.repeats_previous,
        by_person=reflection.source == Reflection.Source.HUMAN,
    )


def ratings_of(reflection: Reflection) -> list[Rated]:
    """The effective rating and what it was made of; the reward model's score where there is one."""
    values = {
        "effective": reflection.effective_rating,
        "automatic": reflection.automatic_rating,
        "by people": reflection.human_rating,
    }
    rated = [
        Rated(name, present.signed(value), present.rating_class(value))
        for name, value in values.items()
        if value is not None or name == "effective"
    ]
    chosen = [one for one in reflection.candidates if one["text"] == reflection.text]
    if chosen:
        count = len(reflection.candidates)
        score = max(one["score"] for one in chosen)
        rated.append(Rated(f"reward model, best of {count}", present.signed(score), "even"))
    return rated


def _aligned_row(
    place: int,
    pair: Pair,
    old: Sequence[StepRow],
    new: Sequence[StepRow],
    line_of: dict[int, Line],
    parting: int | None,
) -> Row:
    return Row(
        number=place + 1,
        kind=pair.kind,
        before=None if pair.before is None else old[pair.before],
        after=None if pair.after is None else new[pair.after],
        line=None if pair.after is None else line_of.get(pair.after),
        parts_here=place == parting,
    )


def _stretches(rows: Sequence[Row]) -> Iterator[Stretch]:
    """Fold the middle of a long run of equal steps."""
    for alike, group in groupby(rows, key=lambda row: row.kind == "same" and row.line is None):
        run = list(group)
        if not alike or len(run) <= ALIKE_SHOWN:
            yield Stretch(run)
        else:
            yield Stretch(run[:ALIKE_ENDS])
            yield Stretch(run[ALIKE_ENDS:-ALIKE_ENDS], folded=True)
            yield Stretch(run[-ALIKE_ENDS:])
