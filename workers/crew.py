"""The players of one job: threads that claim tasks, and the loop that keeps their leases."""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.db import InterfaceError, OperationalError, connection, transaction

from retro_core.errors import EndpointRefused, EndpointUnavailable
from retro_core.storable import storable
from webapp import jobs
from webapp.episodes.services import fail_task
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.leases import MAX_UNFINISHED_CLAIMS
from workers.build import Parts
from workers.database import insist
from workers.holder import ENDED_WORKERS, holder_name
from workers.playing import HeldTask, play_task
from workers.upkeep import UPKEEP_SECONDS, take_up_lost_work

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# Then experiments that wait in the queue get their turn. A change of turns lets running trials end
# while nothing new begins: with turns of a minute half of the time went into that.
TURN_SECONDS = 180.0
LONGEST_TURN_SECONDS = 1800.0  # well below the time limit of a job


def pause_for(error: EndpointUnavailable | EndpointRefused, experiment_id: int) -> None:
    """Stop an experiment until a person has seen to the endpoint."""
    advice = storable(f"{error} Mend it, then resume: nothing recorded is lost.")
    insist(lambda: Experiment.objects.pause_with(experiment_id, advice))


class Crew:
    """Plays one experiment until no task is free, somebody stops it, or its turn is over."""

    def __init__(self, experiment: Experiment, parts: Parts) -> None:
        self.experiment = experiment
        self.parts = parts
        self.holder = holder_name()
        self.stop = threading.Event()
        self._leaving = threading.Event()
        self._turn_over = threading.Event()
        self._claiming = threading.Lock()
        self._held: dict[int, HeldTask] = {}
        self._began = self._upkeep_done = time.monotonic()

    def play(self) -> None:
        """Run the players; what one of them raises is raised here, after all have ended."""
        size = max(self.experiment.concurrency, 1)
        pool = ThreadPoolExecutor(size, thread_name_prefix="player")
        players = [pool.submit(self._claim_and_play) for _ in range(size)]
        try:
            self._watch(players)
        finally:
            self.stop.set()
            pool.shutdown(wait=not self._leaving.is_set())
        for player in players:
            if player.done():
                player.result()

    def leave(self) -> None:
        """End now, without waiting for answers of the model. Its process is expected to end."""
        self._leaving.set()
        self.stop.set()

    def _watch(self, players: "list[Future[None]]") -> None:
        while wait(players, timeout=TICK_SECONDS).not_done:
            if self._leaving.is_set():
                insist(self._give_everything_back)
                return
            try:
                self._tick()
            except (OperationalError, InterfaceError) as error:
                log.warning("Leases of %s not renewed: %s", self.experiment, error)
            finally:
                connection.close()

    def _give_everything_back(self) -> None:
        for held in list(self._held.values()):
            held.lost = True
            ExperimentTask.objects.release(held.row.pk, self.holder)

    def _claim_and_play(self) -> None:
        """One player: claim, play, give back, until there is nothing more to do."""
        try:
            while self._may_go_on(True):
                held = insist(self._claim)
                if held is None:
                    return
                self._play(held)
        except BaseException:
            self.stop.set()
            raise

    def _claim(self) -> HeldTask | None:
        """Claim and hold in one go, but nothing that this crew still plays.

        While the database is away leases run out, and whoever holds them plays on.
        """
        claim = ExperimentTask.objects.claim
        with self._claiming:
            row = claim(self.experiment.pk, self.holder, besides=list(self._held))
            if row is None:
                return None
            held = self._held[row.pk] = HeldTask(row)
        return held

    def _play(self, held: HeldTask) -> None:
        """Play and give back; held until then, so that no player beside this one claims it too."""
        row = held.row
        try:
            if row.unfinished_claims > MAX_UNFINISHED_CLAIMS:
                insist(lambda: fail_task(row, f"{ENDED_WORKERS}; see the log."))
            else:
                self._play_on(held)
        finally:
            del self._held[row.pk]

    def _play_on(self, held: HeldTask) -> None:
        try:
            play_task(held, self.parts, self._may_go_on)
        except (EndpointUnavailable, EndpointRefused) as error:
            self.stop.set()
            pause_for(error, self.experiment.pk)
        # An unexpected error skips this: the lease runs out, the claim counts as unfinished.
        insist(lambda: ExperimentTask.objects.release(held.row.pk, self.holder))

    def _may_go_on(self, between_trials: bool) -> bool:
        return not self.stop.is_set() and not (between_trials and self._turn_over.is_set())

    def _tick(self) -> None:
        """Once a second: notice a pause, renew the leases, show what is under way."""
        status = Experiment.objects.filter(pk=self.experiment.pk).values_list("status", flat=True)
        if status.first() != Experiment.Status.RUNNING:
            self.stop.set()
        self._renew()
        now = time.monotonic()
        if now - self._upkeep_done > UPKEEP_SECONDS:
            self._upkeep_done = now
            take_up_lost_work()
            self._end_turn(now - self._began)

    def _renew(self) -> None:
        """One quick transaction: these writes may be lost in a crash, so they need no flush."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
            for held in list(self._held.values()):
                renewed = ExperimentTask.objects.renew(
                    held.row.pk,
                    self.holder,
                    live_trial=held.trial,
                    live_step=held.step,
                    live_action=storable(held.action)[:200],
                )
                if not renewed:
                    held.lost = True

    def _end_turn(self, seconds: float) -> None:
        others = set(jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT)) - {self.experiment.pk}
        awaited = bool(others or jobs.waiting_jobs(jobs.EPISODES, jobs.REPLAY))
        if seconds > LONGEST_TURN_SECONDS or (awaited and seconds > TURN_SECONDS):
            self._turn_over.set()
