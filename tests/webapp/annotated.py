"""A queue to annotate: n failed trials, each with a reflection rated zero, and people."""

from uuid import UUID

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from webapp.annotation.models import Queue, QueueItem, Response
from webapp.annotation.services import answers
from webapp.annotation.services.answers import Answer
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.episodes.models import Episode, Reflection, Step
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task, TaskSet

HUGE = "9" * 30  # beyond every number the database holds


def person(name: str, role: str = "annotator") -> User:
    user, is_new = User.objects.get_or_create(username=name)
    if is_new and role:
        user.groups.add(Group.objects.get(name=role))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def reflections(count: int, rating: float | None = 0.0, name: str = "doors") -> list[Reflection]:
    """Each of a task of its own: trial 1 returned 0.0, trial 2 returned the rating."""
    task_set = TaskSet.objects.create(name=f"{name} set", environment="doors", split="train")
    experiment = Experiment.objects.create(
        name=name,
        task_set=task_set,
        environment="doors",
        method="reflexion",
        reflections_count=count,
    )
    return [_reflection(experiment, f"{name}-{place}", rating) for place in range(count)]


def _reflection(experiment: Experiment, key: str, rating: float | None) -> Reflection:
    task = Task.objects.create(
        environment="doors", key=key, split="train", goal="Leave.", payload={"gold_answer": "blue"}
    )
    first = _episode(experiment, task, 1, 0.0, ["look", "open red"])
    if rating is not None:
        _episode(experiment, task, 2, rating, ["look", "open blue"])
    return Reflection.objects.create(
        episode=first,
        experiment=experiment,
        text=f"The red door was wrong in {key}. Try the blue one.",
        automatic_rating=rating,
        effective_rating=rating,
        written_at=timezone.now(),
    )


def _episode(
    experiment: Experiment, task: Task, trial: int, total: float, actions: list[str]
) -> Episode:
    row = Episode.objects.create(
        experiment=experiment,
        task=task,
        trial=trial,
        success=total == 1.0,
        episode_return=total,
        step_count=len(actions),
        finished_at=timezone.now(),
    )
    Step.objects.bulk_create(
        Step(episode=row, index=place, action=action, observation=f"After {action}.")
        for place, action in enumerate(actions)
    )
    return row


def queue_of(count: int = 3, overlap: int = 2, rating: float | None = 0.0, **terms: bool) -> Queue:
    rows = reflections(count, rating)
    owner = person("lea", "researcher")
    selection = Selection([rows[0].experiment_id], size=count)
    return make_queue(
        owner, Terms("doors queue", overlap=overlap, **terms), selection, "Be *fair*."
    )


def override(value: float) -> Answer:
    return Answer("override", value, 3, {"root_cause": "yes"}, ["ignored"], [], "said so")


ACCEPT = Answer("accept", None, None, {}, [], [], "")
UNSURE = Answer("unsure", None, 1, {}, [], [], "")


def give(item: QueueItem, user: User, answer: Answer) -> Response:
    """Submit with the key that the page would hold."""
    return answers.submit(item.pk, user, answer, key_for(item, user))


def key_for(item: QueueItem, user: User) -> UUID:
    return answers.submission_key(item.pk, user.pk)


def effective(item: QueueItem) -> float | None:
    return Reflection.objects.get(pk=item.reflection_id).effective_rating


def fill(path: str, item: QueueItem) -> str:
    return path.format(queue=item.queue_id, item=item.pk, reflection=item.reflection_id)


def address(item: QueueItem, act: str = "") -> str:
    return f"/annotation/queues/{item.queue_id}/items/{item.pk}/{act}"


def filled(item: QueueItem, name: str = "ann", **fields: object) -> dict[str, object]:
    return {"kind": "override", "value": "0.5", "key": key_for(item, person(name))} | fields
