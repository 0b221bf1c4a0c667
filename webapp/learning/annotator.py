"""People's part, simulated: noisy ratings, corrected by a script that knows the truth.

The annotator is a scripted account, named so that nobody takes it for a person. It answers through
the same queue, leases and events as people do, a growing share of all items.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import Group, User

from retro_core.errors import InvalidInput
from webapp.accounts.roles import ANNOTATOR
from webapp.accounts.services import ensure_administrator
from webapp.annotation.models import Measurement, Queue, QueueItem
from webapp.annotation.services import answers, claims, making, measuring
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.learning import protocol as parts
from webapp.learning.noise import copy_name, noisy_copies
from webapp.learning.protocol import Protocol
from webapp.learning.running import collect_plans, collect_samples, tune, unseen_tasks
from webapp.learning.steps import Say, loaded, made, play, snapshot, train, wait
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery

NAME = "simulated-annotator"
GUIDELINES = "A script answers this queue: it knows how each retry ended before noise was added."
Truth = Mapping[int, float]  # rating by the id of the noisy reflection


@dataclass(slots=True)
class Corrected:
    """What each share of corrected ratings came to."""

    protocol: Protocol
    truth: Truth
    snapshots: dict[float, Snapshot] = field(default_factory=dict)
    answered: dict[float, tuple[int, int]] = field(default_factory=dict)  # items, overridden
    arms: dict[float, Experiment] = field(default_factory=dict)


def run(protocol: Protocol, say: Say) -> Corrected:
    """Add noise, correct a growing share, freeze each, train reward models and play."""
    tuning = tune(protocol, collect_plans(protocol, say))
    collected = collect_samples(protocol, tuning, say)
    copies = noisy_copies(collected, protocol)
    found = Corrected(protocol, truth_of(collected, protocol))
    queue = _queue(protocol, copies, len(found.truth))
    person = _annotator()
    query = BufferQuery(experiments=tuple(one.pk for one in copies), seed=protocol.seed)
    for share in protocol.corrected:
        found.answered[share] = correct(queue, person, found.truth, share)
        found.snapshots[share] = snapshot(protocol, f"{words(share)} corrected", query)
        say(f"{words(share)} of the ratings looked at: {found.answered[share][1]} corrected")
    _measure_features(found.snapshots[protocol.corrected[-1]])
    if protocol.corrected_arms:
        _play(found, tuning, say)
    return found


def truth_of(collected: Sequence[Experiment], protocol: Protocol) -> Truth:
    """The rating without noise of every rated reflection of the copies."""
    rated = Reflection.objects.filter(experiment__in=collected).exclude(automatic_rating=None)
    known = {
        (copy_name(row.experiment.name, protocol), row.episode.task_id): row.automatic_rating or 0.0
        for row in rated.select_related("experiment", "episode")
    }
    names = {name for name, _ in known}
    noisy = Reflection.objects.filter(experiment__name__in=names, episode__trial=1)
    return {
        row.pk: known[row.experiment.name, row.episode.task_id]
        for row in noisy.select_related("experiment", "episode")
        if (row.experiment.name, row.episode.task_id) in known
    }


def correct(queue: Queue, person: User, truth: Truth, share: float) -> tuple[int, int]:
    """Answer items in the queue's own order up to the share; items answered and overridden."""
    items = list(queue.items.select_related("reflection").order_by("pk"))
    random.Random(queue.seed).shuffle(items)
    chosen = items[: round(share * len(items))]
    for item in chosen:
        if answers.current_response(item.pk, person.pk) is None:
            _answer(item, person, truth[item.reflection_id])
    wrong = [one for one in chosen if one.reflection.automatic_rating != truth[one.reflection_id]]
    return len(chosen), len(wrong)


def _answer(item: QueueItem, person: User, right: float) -> None:
    rating = item.reflection.automatic_rating
    if not claims.take(item.pk, person.pk):
        raise InvalidInput(f"Item {item.pk} of the simulated queue is taken by another person.")
    lucky = rating is not None and rating > right
    answer = answers.Answer(
        kind="accept" if rating == right else "override",
        value=None if rating == right else right,
        confidence=None,
        rubric={},
        reasons=[] if rating == right else ["lucky" if lucky else "ignored"],
        spans=[],
        note="",
    )
    answers.submit(item.pk, person, answer, answers.submission_key(item.pk, person.pk))


def _queue(protocol: Protocol, copies: Sequence[Experiment], size: int) -> Queue:
    name = protocol.title("simulated annotator")
    found = Queue.objects.filter(name=name).first()
    if found is not None:
        return found
    selection = making.Selection(experiments=[one.pk for one in copies], size=size)
    terms = making.Terms(name=name, notes=GUIDELINES, seed=protocol.seed)
    return making.make_queue(ensure_administrator(), terms, selection, GUIDELINES)


def _annotator() -> User:
    person, is_new = User.objects.get_or_create(username=NAME)
    if is_new:
        person.set_unusable_password()
        person.save()
    person.groups.add(Group.objects.get(name=ANNOTATOR))
    return person


def _measure_features(rated: Snapshot) -> None:
    """Have the texts' features computed by the worker; they are those of every share."""
    row = measuring.newest(Measurement.Kind.EFFECT, snapshot=rated)
    if row is None or row.status == Measurement.Status.FAILED:
        row = measuring.ask(Measurement.Kind.EFFECT, snapshot=rated)
    while row.status in {Measurement.Status.QUEUED, Measurement.Status.RUNNING}:
        time.sleep(1)
        row.refresh_from_db()
    if row.status != Measurement.Status.DONE:
        raise InvalidInput(f"The texts' features cannot be computed: {row.reason}")


def _play(found: Corrected, tuning: TrainingRun, say: Say) -> None:
    """Best of N of the tuned reflector, ranked by the reward model of each share."""
    protocol, tuned = found.protocol, loaded(tuning)
    runs = {
        share: train(
            protocol,
            "reward_model",
            found.snapshots[share],
            part=f"{words(share)} corrected",
            parent=tuned,
        )
        for share in protocol.corrected_arms
    }
    for share, made_by in runs.items():
        wait([made_by], say)
        ranked = parts.trained_arm(protocol, reward_model=made(made_by).name)
        name = protocol.title(f"best of n, {words(share)} corrected")
        found.arms[share] = play(name, unseen_tasks(protocol), ranked, adapter=tuned.name)
    wait(found.arms.values(), say)


def words(share: float) -> str:
    """The share as a reader sees it."""
    return f"{share:.0%}".replace("%", " %")
