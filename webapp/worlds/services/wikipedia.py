"""Wikipedia for all workers at once: answers kept in the database, turns in the broker."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import django_rq
from redis.exceptions import RedisError

from retro_core.envs.hotpotqa.wikipedia import SECONDS_BETWEEN_REQUESTS, RateLimit
from retro_core.storable import storable
from webapp import jobs
from webapp.worlds.models import WikipediaAnswer

log = logging.getLogger(__name__)
NEXT_TURN = "wikipedia:next-turn"
# By the broker's clock: those of hosts may differ. Numbers are milliseconds.
BOOK = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local turn = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = turn + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', after - now)
return turn - now
"""


class DatabaseCache:
    """Remembers answers by address; the first answer stays, so that a run can be repeated."""

    def get(self, address: str) -> str | None:
        known = WikipediaAnswer.objects.filter(pk=_key(address))
        return known.values_list("answer", flat=True).first()

    def put(self, address: str, answer: str) -> None:
        row = WikipediaAnswer(sha256=_key(address), address=address, answer=storable(answer))
        WikipediaAnswer.objects.bulk_create([row], ignore_conflicts=True)


@dataclass(slots=True)
class SharedTurns:
    """At least `interval` seconds between two requests, over all processes and hosts.

    Each caller books the next free turn and sleeps until it. Without the broker every process keeps
    the distance by itself.
    """

    interval: float = SECONDS_BETWEEN_REQUESTS
    sleep: Callable[[float], None] = time.sleep
    own: RateLimit = field(default_factory=RateLimit)

    def wait(self) -> None:
        try:
            pause = self._book()
        except RedisError as error:
            log.warning("The broker is away, turns are this process's own: %s", error)
            self.own.wait()
            return
        if pause:
            self.sleep(pause)

    def _book(self) -> float:
        """Seconds until the turn that is now this caller's."""
        broker = django_rq.get_connection(jobs.EPISODES)
        return int(broker.eval(BOOK, 1, NEXT_TURN, round(1000 * self.interval))) / 1000


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
