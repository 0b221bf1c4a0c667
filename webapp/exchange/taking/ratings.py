"""People's ratings from rows: answers and decisions, added once; then the rule here decides."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction

from retro_core.errors import InvalidInput
from webapp.annotation.models import QueueItem, RatingEvent, Response
from webapp.annotation.services.effects import Reason, settle
from webapp.episodes.closed import closed_to_all
from webapp.episodes.log_lines import moment
from webapp.episodes.models import Reflection
from webapp.exchange.checking import json_value
from webapp.exchange.columns import Row
from webapp.exchange.reading import Found
from webapp.exchange.taking.counts import Refuse, Taken
from webapp.exchange.taking.queues import MARK, item_of, settle_places
from webapp.exchange.taking.reflections import (
    EXPERIMENT_COLUMNS,
    Place,
    first_of_their_place,
    place_of,
)

INSERT_DECISION = """
INSERT INTO annotation_adjudication (reflection_id, item_id, value, decided_by_id, replaces_id,
withdrawn, gold, why, decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""


class RatingShelf:
    """The ratings of one import. Used inside one transaction."""

    def __init__(self, taken: Taken, importer: User | None) -> None:
        self.taken, self.importer = taken, importer
        self._touched: set[int] = set()
        self._items: set[int] = set()
        self._seen: set[Place] = set()
        self._people: dict[str, User] = {}

    def put(self, rows: Sequence[Found], refuse: Refuse) -> None:
        """Add the answers and decisions that are not here yet."""
        rows = first_of_their_place(rows, self._seen, refuse)
        reflections = _reflections(rows)
        for row in rows:
            reflection = reflections.get(place_of(row))
            if reflection is None:
                refuse(row.number, "its reflection is neither in the file nor here")
                continue
            try:
                is_new = self._take(row.values, reflection)
            except InvalidInput as error:
                self._people.clear()  # those made for this row are gone with it
                refuse(row.number, str(error))
            else:
                counted = self.taken.new if is_new else self.taken.known
                counted["ratings"] += 1

    def close(self) -> None:
        """Bring places in queues and effective ratings up to date with what was added."""
        settle_places(self._items)
        settle(self._touched, Reason(self.importer, RatingEvent.Cause.IMPORT, "Imported"))

    def _take(self, row: Row, reflection: Reflection) -> bool:
        """Add the whole row or nothing of it; False if all of it was here."""
        closed = closed_to_all(reflection.experiment)
        if closed:
            raise InvalidInput(closed)
        responses, decisions = row.get("responses") or [], row.get("decisions") or []
        if not responses and not decisions:
            return False
        items: set[int] = set()
        with transaction.atomic():
            added = [self._respond(one, reflection, items) for one in responses]
            decided = self._decide(decisions, reflection)
        self._items |= items
        if any(added) or decided:
            self._touched.add(reflection.pk)
        return any(added) or decided

    def _respond(self, row: Row, reflection: Reflection, items: set[int]) -> bool:
        """Add an answer, and to `items` the one whose places it changes."""
        known = Response.objects.filter(key=row["key"]).select_related("item__queue").first()
        if known is not None:
            if (known.reflection_id, known.kind, known.value) != (
                reflection.pk,
                row["kind"],
                row.get("value"),
            ):
                raise InvalidInput(f"the answer {row['key']} is here with other words")
            if known.item.queue.selection == MARK:  # an earlier import may have given no place
                items.add(known.item_id)
            return False
        item = item_of(row, reflection)
        items.add(item.pk)
        person = self._person(row["person"])
        replaces = _replaced(row, item, person)
        Response.objects.create(
            item=item,
            reflection=reflection,
            person=person,
            entered_by=self._person(row["entered_by"]),
            replaces=replaces,
            key=UUID(row["key"]),
            created_at=moment(row["at"], "at"),
            said_at=moment(row["said_at"], "said_at") if row.get("said_at") else None,
            **_answer(row),
        )
        return True

    def _decide(self, rows: list[Row], reflection: Reflection) -> bool:
        """Add the decisions that follow those stored here; an older file lacks the last ones."""
        stored = list(reflection.adjudications.select_related("decided_by").order_by("pk"))
        said = [(one.value, one.decided_by.get_username()) for one in stored]
        told = [(row.get("value"), row["decided_by"]) for row in rows]
        both = min(len(said), len(told))
        if said[:both] != told[:both]:
            raise InvalidInput("the reflection was decided otherwise here")
        last = stored[-1].pk if stored else None
        for row in rows[both:]:
            item = item_of(row, reflection) if row.get("queue") else None
            decider = self._person(row["decided_by"])
            columns = [reflection.pk, item and item.pk, row.get("value"), decider.pk, last]
            words = [bool(row.get("withdrawn")), bool(row.get("gold")), row.get("why") or ""]
            last = _insert_decision([*columns, *words, moment(row["at"], "at")])
        return len(told) > len(said)

    def _person(self, name: str) -> User:
        """The account of that name; one that is made here cannot sign in."""
        if name not in self._people:
            made = User(username=name, is_active=False)
            made.set_unusable_password()
            found = User.objects.filter(username=name).first()
            if found is None:
                made.save()
            self._people[name] = found or made
        return self._people[name]


def _reflections(rows: Sequence[Found]) -> dict[Place, Reflection]:
    places = [place_of(row) for row in rows]
    found = (
        Reflection.objects.filter(
            experiment__name__in={name for name, _, _ in places},
            episode__task__key__in={key for _, key, _ in places},
            episode__trial__in={trial for _, _, trial in places},
        )
        .select_related("experiment", "episode__task")
        .only(*EXPERIMENT_COLUMNS, "episode__task__key", "episode__trial")
    )
    return {(row.experiment.name, row.episode.task.key, row.episode.trial): row for row in found}


def _replaced(row: Row, item: QueueItem, person: User) -> Response | None:
    """The answer that this one replaces: it is of the same person on the same item."""
    if not row.get("replaces"):
        begun = Response.objects.filter(item=item, person=person, replaces=None).exists()
        if begun:
            raise InvalidInput(f"{person.get_username()} has answered this item here otherwise")
        return None
    before = Response.objects.filter(
        key=row["replaces"], item=item, person=person, replaced_by=None
    ).first()
    if before is None:
        raise InvalidInput(f"the answer {row['replaces']} cannot be replaced")
    return before


def _insert_decision(columns: list[Any]) -> int:  # values of a row
    """The model stamps each new decision with the present; one from a file keeps its time."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT_DECISION, columns)
        return int(cursor.fetchone()[0])


def _answer(row: Row) -> Row:
    whole = json.dumps(row, sort_keys=True).encode()
    return {
        "kind": row["kind"],
        "value": row.get("value"),
        "automatic_rating": row.get("automatic_rating"),
        "first_kind": row.get("first_kind") or "",
        "first_value": row.get("first_value"),
        "confidence": row.get("confidence"),
        "rubric": json_value(row, "rubric", dict),
        "reasons": row.get("reasons") or [],
        "spans": json_value(row, "spans", list),
        "note": row.get("note") or "",
        "seconds": row.get("seconds"),
        "digest": row.get("digest") or hashlib.sha256(whole).hexdigest(),
    }
