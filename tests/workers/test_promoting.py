"""A promotion from its row to its end, through the worker."""

from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
from django.utils import timezone

from retro_core.config import ReflectionConfig
from retro_core.errors import InvalidInput
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter, Promotion
from webapp.adapters.services import asking, promoting, server
from webapp.adapters.services.server import Beside
from workers.promoting import promote, take_up_lost_promotions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
SEEN = Beside("You failed.", "I was wrong.", "Open it first.")


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the adapters that were probed; every probe sees a change."""
    names: list[str] = []

    def serve(adapter: Adapter, prompts: object) -> Beside:
        names.append(adapter.name)
        return SEEN

    monkeypatch.setattr(promoting, "serve_and_probe", serve)
    return names


def asked_for(adapter: Adapter, to: str = "staging") -> Promotion:
    return asking.ask_promotion(adapter, to=to, reason="It plans.", person=None)


def ended(row: Promotion) -> tuple[str, str]:
    promote(row.pk)
    row.refresh_from_db()
    return row.status, row.told


def test_a_promotion_is_done_by_the_job_and_keeps_reason_and_probe(
    tmp_path: Path, probed: list[str]
) -> None:
    adapter = made_adapter(tmp_path / "a")

    result = ended(asked_for(adapter))

    adapter.refresh_from_db()
    change = adapter.stage_changes.get()
    assert result == ("done", "house-v1 is in staging: the probe saw a change.")
    assert (adapter.stage, change.reason, change.probe["adapter"]) == (
        "staging",
        "It plans.",
        "Open it first.",
    )


def test_a_server_that_is_away_is_told_as_the_reason(tmp_path: Path, settings) -> None:
    settings.REFLECTOR_URL = "http://127.0.0.1:9"
    adapter = made_adapter(tmp_path / "a")

    status, told = ended(asked_for(adapter))

    adapter.refresh_from_db()
    assert (status, adapter.stage) == ("refused", "candidate")
    assert "The model server at http://127.0.0.1:9 did not do it" in told


def test_a_killed_worker_leaves_the_promotion_to_another(tmp_path: Path, probed: list[str]) -> None:
    row = asked_for(made_adapter(tmp_path / "a"))
    django_rq.get_queue("exchange").empty()
    assert Promotion.objects.claim(row.pk, "dead") is not None
    assert take_up_lost_promotions() == []  # its lease still runs
    past = timezone.now() - timedelta(seconds=1)
    Promotion.objects.update(lease_expires_at=past)

    assert take_up_lost_promotions() == [row.pk]
    result = ended(row)

    assert result[0] == "done"
    assert ended(row) == result  # a second job finds nothing to do
    assert probed == ["house-v1"]


def test_what_a_killed_worker_had_done_is_not_done_twice(tmp_path: Path, probed: list[str]) -> None:
    adapter = made_adapter(tmp_path / "a")
    row = asked_for(adapter)
    Adapter.objects.filter(pk=adapter.pk).update(stage="staging")

    assert ended(row)[0] == "done"
    assert probed == []
    assert not adapter.stage_changes.exists()


def test_roll_back_is_a_job_too_and_ends_with_the_one_before(
    tmp_path: Path, probed: list[str]
) -> None:
    first, second = made_adapter(tmp_path / "a"), made_adapter(tmp_path / "a")
    for adapter in (first, second):
        ended(asked_for(adapter, "production"))

    result = ended(asking.ask_roll_back(None))

    assert result == ("done", "house-v1 is in production again.")
    assert Adapter.objects.in_production() == first
    assert probed == ["house-v1", "house-v2", "house-v1"]


def test_trying_says_where_the_server_does_not_hold_the_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a")
    monkeypatch.setattr(server, "load", lambda adapter: False)
    same = Beside("You failed.", "I was wrong.", "I was wrong.")
    monkeypatch.setattr(server, "beside", lambda *_, **__: same)

    with pytest.raises(InvalidInput, match="the server does not hold it"):
        server.try_on(adapter, "You failed.", ReflectionConfig(), seed=0)
    monkeypatch.setattr(server, "beside", lambda *_, **__: SEEN)
    assert server.try_on(adapter, "You failed.", ReflectionConfig(), seed=0) == SEEN
