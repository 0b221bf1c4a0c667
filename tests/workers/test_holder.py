"""Who holds a row: a name for each job, a lease kept by a thread, an end to endless trying."""

import threading

import pytest
from django.db import OperationalError

from retro_core.errors import InvalidInput
from webapp.adapters.models import Promotion
from webapp.annotation.models import Counterfactual, Measurement
from webapp.exchange.models import Transfer
from webapp.leases import Leased
from workers.holder import holder_name, refuse_if_deadly, renewing

SOON = 0.01


def test_two_jobs_of_one_process_have_two_names() -> None:
    assert holder_name() != holder_name()


@pytest.mark.parametrize("kind", [Promotion, Transfer, Counterfactual, Measurement])
def test_what_ended_five_workers_gets_no_sixth(kind: type[Leased]) -> None:
    refuse_if_deadly(kind(unfinished_claims=5))

    with pytest.raises(InvalidInput, match=r"^It ended its worker 5 times; see the log\.$"):
        refuse_if_deadly(kind(unfinished_claims=6))


def test_a_lease_is_renewed_again_after_the_database_was_away() -> None:
    calls: list[int] = []
    renewed = threading.Event()

    def renew() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the server closed the connection")
        renewed.set()

    with renewing(renew, "row 1", every=SOON):
        assert renewed.wait(10)

    assert "beat" not in {thread.name for thread in threading.enumerate()}


def test_no_renewal_begins_once_the_work_said_that_it_is_over() -> None:
    calls: list[int] = []
    ended = threading.Event()
    ended.set()

    with renewing(lambda: calls.append(1), "row 1", every=SOON, ended=ended):
        for thread in threading.enumerate():
            if thread.name == "beat":
                thread.join(1)  # of itself, before the block is over

    assert calls == []
