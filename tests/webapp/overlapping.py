"""Two transactions of which one waits for the other, each in a thread of its own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from threading import Event

from django.db import connections, transaction

SHORT, LONG = 0.5, 20  # seconds
Call = Callable[[], object]


def during(first: Call, second: Call, then: Call | None = None) -> None:
    """Run `second` while the transaction of `first` is still open; it must wait for it.

    `then` goes on in the transaction of `first` while `second` waits.
    """
    done, go_on = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                first()
                done.set()
                assert go_on.wait(LONG)
                if then is not None:
                    then()
        finally:
            connections.close_all()

    def follow() -> None:
        try:
            second()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        try:
            assert done.wait(LONG)
            following = pool.submit(follow)
            assert waits(following)
        finally:
            go_on.set()
        holding.result(LONG)
        following.result(LONG)


def waits(following: "Future[None]") -> bool:
    """Whether it is not done within a moment."""
    try:
        following.result(SHORT)
    except TimeoutError:
        return True
    return False
