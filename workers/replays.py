"""The job that replays the trial after a reflection. It can be queued twice, and be killed."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.db import InterfaceError, OperationalError, connection

from retro_core.counterfactual import PlannedReplay, planned_replays
from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from retro_core.rollout import rollout_steps
from retro_core.types import Episode, Task
from webapp.annotation.models import Counterfactual, Work
from webapp.annotation.services.counterfactual import conclude, record
from webapp.episodes.records import past_trials
from workers.build import Parts, build
from workers.database import insist
from workers.episodes import stopped_by_signal
from workers.holder import holder_name, refuse_if_deadly

TICK_SECONDS = 2.0
log = logging.getLogger(__name__)
Status = Work.Status


def replay_reflection(counterfactual_id: int) -> None:
    """Play the pairs that are missing; nothing happens if another worker does."""
    holder = holder_name()
    row = insist(lambda: Counterfactual.objects.claim(counterfactual_id, holder))
    if row is None:
        return
    replays = Replays(row, holder)
    try:
        refuse_if_deadly(row)
        with stopped_by_signal(replays.stop.set):
            replays.play()
    except (InvalidInput, EndpointUnavailable, EndpointRefused) as error:
        reason = str(error)
        insist(lambda: _end(row, holder, Status.FAILED, reason))
        return
    if replays.lost:
        return
    if replays.stop.is_set():
        insist(lambda: _end(row, holder, Status.QUEUED))
        return
    insist(lambda: conclude(row, holder))


def _end(row: Counterfactual, holder: str, status: str, reason: str = "") -> bool:
    return Counterfactual.objects.end(row.pk, holder, status=status, reason=reason)


class Replays:
    """The missing replays of one reflection, several at a time, under one lease."""

    def __init__(self, row: Counterfactual, holder: str) -> None:
        self.row, self.holder = row, holder
        self.stop = threading.Event()
        self.lost = False

    def play(self) -> None:
        """Play what has no row yet. What a replay raises is raised here, after all have ended."""
        task, parts, missing, size = insist(self._prepare)
        pool = ThreadPoolExecutor(size, thread_name_prefix="replay")
        try:
            played = [pool.submit(self._one, planned, task, parts) for planned in missing]
            self._watch(played)
        finally:
            self.stop_if_unfinished(played)
            pool.shutdown(cancel_futures=True)
        for one in played:
            if one.done() and not one.cancelled():
                one.result()

    def stop_if_unfinished(self, played: "list[Future[None]]") -> None:
        """Let those that still play leave at their next step."""
        if not all(one.done() for one in played):
            self.stop.set()

    def _prepare(self) -> tuple[Task, Parts, list[PlannedReplay], int]:
        reflection = self.row.reflection
        episode = reflection.episode
        experiment = reflection.experiment
        parts = build(experiment, reflects=False)
        past = past_trials(experiment.pk, episode.task_id)[: episode.trial]
        task = episode.task.as_core()
        planned = planned_replays(
            task,
            past,
            pairs=self.row.pairs,
            temperature=self.row.temperature,
            config=parts.config,
            prompts=parts.prompts,
        )
        done = set(self.row.replays.values_list("pair", "shown"))
        missing = [one for one in planned if (one.pair, one.shown) not in done]
        return task, parts, missing, max(experiment.concurrency, 1)

    def _one(self, planned: PlannedReplay, task: Task, parts: Parts) -> None:
        episode = self._rollout(planned, task, parts)
        if episode is not None:
            insist(lambda: record(self.row, planned, episode))

    def _rollout(self, planned: PlannedReplay, task: Task, parts: Parts) -> Episode | None:
        """The whole episode, or None where it was left."""
        if self.stop.is_set():
            return None
        env, trial = parts.create_env(), planned.trial
        steps = rollout_steps(
            env, parts.actor, task, trial, config=parts.config, prompts=parts.prompts
        )
        while not self.stop.is_set():
            try:
                next(steps)
            except StopIteration as end:
                episode: Episode = end.value
                return episode
        return None

    def _watch(self, played: "list[Future[None]]") -> None:
        """Renew the lease while they play; stop at the first error."""
        left = set(played)
        while left:
            done, left = wait(left, timeout=TICK_SECONDS)
            if self.stop.is_set() or any(one.exception() for one in done):
                return
            try:
                self.lost = not Counterfactual.objects.renew(self.row.pk, self.holder)
            except (OperationalError, InterfaceError) as error:
                log.warning("Lease of replays %s not renewed: %s", self.row.pk, error)
            finally:
                connection.close()
            if self.lost:
                return
