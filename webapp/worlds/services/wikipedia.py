"""Wikipedia's answers in the database, shared by all workers and kept between runs."""

import hashlib

from webapp.episodes.records import storable
from webapp.worlds.models import WikipediaAnswer


class DatabaseCache:
    """Remembers answers by address; the first answer stays, so that a run can be repeated."""

    def get(self, address: str) -> str | None:
        known = WikipediaAnswer.objects.filter(pk=_key(address))
        return known.values_list("answer", flat=True).first()

    def put(self, address: str, answer: str) -> None:
        row = WikipediaAnswer(sha256=_key(address), address=address, answer=storable(answer))
        WikipediaAnswer.objects.bulk_create([row], ignore_conflicts=True)


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
