"""Three people work one queue at once, with lost connections: nothing is lost or doubled."""

import random
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone

from retro_core.agreement import krippendorff_alpha
from tests.webapp.annotated import reflections
from webapp.annotation.models import Assignment, Queue, RatingEvent, Response
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.annotation.services.statistics import agreement
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Reflection

LOG = Path(__file__).resolve().parents[2] / "../shared/data/real_logs/hotpotqa_reflexion.jsonl"
VALUES = ["0", "0.5", "1"]
Sent = dict[UUID, tuple[int, str, float]]


class Annotator:
    """A browser that answers what it is handed, and often loses its connection."""

    def __init__(self, name: str, queue: Queue, seed: int) -> None:
        self.user = User.objects.create_superuser(name)
        self.queue, self.rng = queue, random.Random(seed)
        self.sent: Sent = {}
        self.connect()

    def connect(self) -> None:
        self.client = Client()
        self.client.force_login(self.user)

    def work(self) -> None:
        try:
            while self.answer_next():
                pass
        finally:
            connections.close_all()

    def answer_next(self) -> bool:
        handed = self.client.post(f"/annotation/queues/{self.queue.pk}/next/")["Location"]
        if "/items/" not in handed:
            return False
        if self.rng.random() < 0.1:
            self.vanish(handed)
            return True
        self.submit(handed)
        return True

    def vanish(self, address: str) -> None:
        """The lid is closed over a draft, and the lease runs out."""
        self.client.post(f"{address}draft/", {"note": "half", "version": 0, "spans": "[]"})
        ago = timezone.now() - timedelta(seconds=1)
        mine = Assignment.objects.filter(person=self.user, state="open")
        mine.update(lease_expires_at=ago)
        self.connect()

    def submit(self, address: str) -> None:
        page = self.client.get(address).content.decode()
        found = re.search(r'name="key" value="([^"]+)"', page)
        if found is None:  # others filled the item between the two requests
            return
        key, item_id = UUID(found[1]), int(address.split("/")[-2])
        value = self.rng.choice(VALUES)
        fields = {"kind": "override", "value": value, "key": str(key), "spans": "[]"}
        answer = self.client.post(f"{address}submit/", fields)
        if self.rng.random() < 0.2:  # the reply was lost: the browser sends it again
            self.connect()
            assert self.client.post(f"{address}submit/", fields).status_code == answer.status_code
        if answer.status_code == 302:
            self.sent[key] = (item_id, self.user.username, float(value))


def work_together(queue: Queue) -> Sent:
    people = [Annotator(f"person-{seed}", queue, seed) for seed in (1, 2, 3)]
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(person.work) for person in people]:
            done.result()
    return people[0].sent | people[1].sent | people[2].sent


def check(queue: Queue, sent: Sent) -> None:
    """The database holds exactly what was submitted, and what follows from it."""
    rows = Response.objects.select_related("person")
    assert {row.key: (row.item_id, row.person.username, row.value) for row in rows} == sent
    assert len(sent) == queue.items.count() * queue.overlap
    values: dict[int, list[float]] = defaultdict(list)
    people: dict[int, set[str]] = defaultdict(set)
    for item, name, value in sent.values():
        values[item].append(value)
        people[item].add(name)
    assert {len(names) for names in people.values()} == {queue.overlap}
    _check_ratings(queue, values)
    units = list(values.values())
    assert agreement(queue).alphas["interval"].value == krippendorff_alpha(units, "interval")


def _check_ratings(queue: Queue, values: dict[int, list[float]]) -> None:
    for item in queue.items.select_related("reflection"):
        first, second = values[item.pk]
        reflection: Reflection = item.reflection
        expected = first if first == second else reflection.automatic_rating
        assert reflection.effective_rating == expected
        events = RatingEvent.objects.filter(reflection=reflection).order_by("pk")
        chain = list(events.values_list("before", "after"))
        after = [reflection.automatic_rating, *(after for _, after in chain)]
        assert [before for before, _ in chain] == after[:-1]


@pytest.mark.django_db(transaction=True)
def test_three_people_with_lost_connections_give_each_item_two_answers_and_no_third() -> None:
    queue = queue_of_superuser(16)

    check(queue, work_together(queue))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True)
def test_three_people_finish_the_311_real_reflections() -> None:
    if not LOG.exists():
        pytest.skip("the recorded logs are not here")
    with LOG.open("rb") as lines:
        import_episodes(lines, source=LOG.name)
    lead = User.objects.create_superuser("lead")
    queue = make_queue(lead, Terms("HotPotQA", overlap=2), Selection([], size=311), "")

    assert queue.items.count() == 311
    check(queue, work_together(queue))


def queue_of_superuser(count: int) -> Queue:
    """Roles are rows of a migration, which tests with real transactions do not keep."""
    rows = reflections(count)
    lead = User.objects.create_superuser("lead")
    wanted = Selection([rows[0].experiment_id], size=count)
    return make_queue(lead, Terms("doors queue", overlap=2), wanted, "")
