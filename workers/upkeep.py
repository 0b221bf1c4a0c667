"""Work that nobody does any more is taken up again: dead workers, lost jobs."""

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from webapp import jobs
from webapp.experiments.models import Experiment, ExperimentQuerySet, ExperimentTask

UPKEEP_SECONDS = 15.0


def take_up_lost_work() -> list[int]:
    """Queue the live experiments that have free tasks, no worker and no waiting job.

    Returns their ids. It may run at any time and in many places: a job too many finds nothing to
    claim and ends.
    """
    waiting = set(jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT))
    lost = [pk for pk in _without_worker().values_list("pk", flat=True) if pk not in waiting]
    for pk in lost:
        if not Experiment.objects.finish_played(pk):
            jobs.queue_job(jobs.EPISODES, jobs.PLAY_EXPERIMENT, pk)
    return lost


def _without_worker() -> ExperimentQuerySet:
    held = ExperimentTask.objects.filter(
        experiment=OuterRef("pk"),
        state=ExperimentTask.State.OPEN,
        lease_expires_at__gte=Now(),
    )
    live = [Experiment.Status.QUEUED, Experiment.Status.RUNNING]
    played_here = Experiment.objects.filter(source=Experiment.Source.PLAYED)
    return played_here.filter(~Exists(held), status__in=live).order_by("pk")
