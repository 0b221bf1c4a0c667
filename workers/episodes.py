"""The job that plays an experiment. It can be queued twice, run beside others, and be killed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from webapp import jobs
from webapp.experiments.models import Experiment, ExperimentTask
from workers.build import build
from workers.crew import Crew, pause_for
from workers.database import insist

STOP_SIGNAL = signal.SIGUSR1


def play_experiment(experiment_id: int) -> None:
    """Play the experiment's free tasks; nothing happens if it is not to be played."""
    if not insist(lambda: Experiment.objects.begin(experiment_id)):
        return
    experiment = insist(lambda: Experiment.objects.get(pk=experiment_id))
    try:
        parts = build(experiment)
    except InvalidInput as error:
        reason = str(error)
        insist(lambda: Experiment.objects.fail_with(experiment_id, reason))
        return
    except (EndpointUnavailable, EndpointRefused) as error:
        pause_for(error, experiment_id)
        return
    invite(experiment_id)
    crew = Crew(experiment, parts)
    with closing(parts), stopped_by_signal(crew.leave):
        crew.play()
    if not insist(lambda: Experiment.objects.finish_played(experiment_id)):
        invite(experiment_id)


def invite(experiment_id: int) -> None:
    """Queue one more job while tasks are free: another worker joins, or this one goes on later."""
    play = (jobs.EPISODES, jobs.PLAY_EXPERIMENT)
    free = insist(lambda: _has_free_tasks(experiment_id))
    if free and experiment_id not in jobs.waiting_jobs(*play):
        insist(lambda: jobs.queue_job(*play, experiment_id))


def _has_free_tasks(experiment_id: int) -> bool:
    running = Experiment.Status.RUNNING
    free = ExperimentTask.objects.claimable()
    return free.filter(experiment=experiment_id, experiment__status=running).exists()


@contextmanager
def stopped_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """A worker that is asked to stop tells its job so."""

    def on_signal(signum: int, frame: FrameType | None) -> None:
        stop()

    before = signal.signal(STOP_SIGNAL, on_signal)
    try:
        yield
    finally:
        signal.signal(STOP_SIGNAL, before)
