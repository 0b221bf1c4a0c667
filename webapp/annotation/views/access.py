from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from webapp.annotation.models import Queue, QueueItem
from webapp.annotation.services.blindness import hidden_from, undecided_for
from webapp.episodes.models import Reflection


def person_of(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets no one else through."""
    assert isinstance(request.user, User)
    return request.user


def queue_or_404(queue_id: int) -> Queue:
    """A queue with its owner."""
    return get_object_or_404(Queue.objects.select_related("owner"), pk=queue_id)


def workable_or_404(request: HttpRequest, queue_id: int) -> Queue:
    """A queue that the person may work now."""
    return get_object_or_404(Queue.objects.workable_by(person_of(request)), pk=queue_id)


def item_or_404(request: HttpRequest, queue_id: int, item_id: int) -> QueueItem:
    """An item that the person may work, has worked, or leads."""
    rows = QueueItem.objects.select_related(
        "queue", "reflection__episode__task", "reflection__episode__experiment"
    ).defer("reflection__prompt", "reflection__episode__task__payload")
    item = get_object_or_404(rows, pk=item_id, queue=queue_id)
    person = person_of(request)
    mine = Q(assignments__person=person) | Q(responses__person=person)
    workable = Queue.objects.workable_by(person).filter(pk=queue_id).exists()
    worked = QueueItem.objects.filter(mine, pk=item_id).exists()
    if not (workable or worked or person.has_perm("annotation.change_queue")):
        raise Http404
    return item


def hides_answers(request: HttpRequest, reflection: Reflection) -> bool:
    """An annotator who may still be asked about it in a blind queue sees nobody's answer."""
    return bool(hidden_from(person_of(request), [reflection.pk]))


def hides_decision(request: HttpRequest, reflection: Reflection) -> bool:
    """An annotator whom an open queue compares with its gold decision does not see that."""
    return bool(undecided_for(person_of(request), [reflection.pk]))
