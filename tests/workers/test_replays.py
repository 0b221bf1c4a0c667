"""The job that replays trials: what it finds, what it leaves alone, and how it goes on."""

from dataclasses import replace
from datetime import timedelta

import django_rq
import pytest
from django.core.management import call_command
from django.utils import timezone

from tests.workers import doors
from webapp.annotation.models import Counterfactual, Replay
from webapp.annotation.services.counterfactual import request
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import services
from webapp.experiments.models import CurvePoint, Experiment
from workers import crew, episodes, replays
from workers.asked_upkeep import take_up_asked_work
from workers.build import Parts
from workers.replays import replay_reflection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def parts_without_reflector(row: Experiment, *, reflects: bool) -> Parts:
    assert not reflects  # the models behind it may be gone
    return replace(doors.parts(), reflector=None)


@pytest.fixture
def experiment(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Three doors; the actor opens the one that the newest reflection names."""
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(replays, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(episodes, "build", lambda row: doors.parts())
    monkeypatch.setattr(replays, "build", parts_without_reflector)
    made = doors.doors_experiment(3)
    services.start(made.pk)
    episodes.play_experiment(made.pk)
    made.refresh_from_db()
    return made


def reflection_of(task: str, trial: int) -> Reflection:
    return Reflection.objects.get(episode__task__key=task, episode__trial=trial)


def asked(reflection: Reflection, pairs: int = 2) -> Counterfactual:
    request([reflection.pk], pairs=pairs)
    return Counterfactual.objects.get(reflection=reflection)


def test_advice_that_opens_the_door_is_worth_the_whole_return(experiment: Experiment) -> None:
    row = asked(reflection_of("doors-1", 1))

    replay_reflection(row.pk)

    row.refresh_from_db()
    assert (row.status, row.mean, row.low, row.high) == ("done", 1.0, 1.0, 1.0)
    returns = list(row.replays.values_list("pair", "shown", "episode_return"))
    assert returns == [(0, True, 1.0), (0, False, 0.0), (1, True, 1.0), (1, False, 0.0)]


def test_advice_that_names_the_wrong_door_is_worth_nothing(experiment: Experiment) -> None:
    row = asked(reflection_of("doors-2", 1))

    replay_reflection(row.pk)

    row.refresh_from_db()
    assert (row.mean, row.low, row.high) == (0.0, 0.0, 0.0)


def test_replays_appear_in_no_figure_of_the_experiment(experiment: Experiment) -> None:
    names = [field.name for field in Experiment._meta.concrete_fields]
    before = Experiment.objects.values(*names).get()
    curve = list(CurvePoint.objects.order_by("pk").values())

    replay_reflection(asked(reflection_of("doors-1", 1)).pk)

    assert Experiment.objects.values(*names).get() == before
    assert list(CurvePoint.objects.order_by("pk").values()) == curve
    assert Episode.objects.count() == 6
    assert reflection_of("doors-1", 1).effective_rating == 1.0


def test_a_killed_workers_replays_are_taken_up_and_go_on(experiment: Experiment) -> None:
    row = asked(reflection_of("doors-1", 1), pairs=3)
    replay_reflection(row.pk)
    Replay.objects.filter(counterfactual=row, pair__gte=1).delete()
    kept = set(Replay.objects.values_list("pk", flat=True))
    past = timezone.now() - timedelta(minutes=1)
    Counterfactual.objects.update(status="running", lease_holder="dead", lease_expires_at=past)

    django_rq.get_queue("episodes").empty()  # the job died with its worker

    assert ("workers.replays.replay_reflection", row.pk) in take_up_asked_work()
    replay_reflection(row.pk)

    row.refresh_from_db()
    assert (row.status, row.mean) == ("done", 1.0)
    assert row.replays.count() == 6
    assert kept < set(Replay.objects.values_list("pk", flat=True))


def test_what_another_worker_holds_is_left_alone(experiment: Experiment) -> None:
    row = asked(reflection_of("doors-1", 1))
    Counterfactual.objects.claim(row.pk, "another")

    replay_reflection(row.pk)

    assert Replay.objects.count() == 0
    assert ("workers.replays.replay_reflection", row.pk) not in take_up_asked_work()


def test_a_worker_that_must_end_gives_the_rest_back(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = asked(reflection_of("doors-1", 1))
    monkeypatch.setattr(replays.Replays, "_watch", lambda self, played: self.stop.set())

    replay_reflection(row.pk)

    row.refresh_from_db()
    assert (row.status, row.lease_holder, row.unfinished_claims) == ("queued", "", 0)


def test_more_pairs_play_only_the_new_ones(experiment: Experiment) -> None:
    row = asked(reflection_of("doors-1", 1), pairs=2)
    replay_reflection(row.pk)
    first = list(row.replays.values_list("pk", flat=True))

    again = request([row.reflection_id], pairs=3)
    replay_reflection(row.pk)
    nothing = request([row.reflection_id], pairs=3)

    assert (again.queued, nothing.queued, nothing.known) == ([row.pk], [], 1)
    assert list(row.replays.values_list("pk", flat=True))[:4] == first
    assert row.replays.count() == 6


def test_what_cannot_be_replayed_is_refused_with_the_reason(experiment: Experiment) -> None:
    Experiment.objects.update(source="imported")

    refused = request(Reflection.objects.values_list("pk", flat=True))

    assert refused.words == "0 asked for; 3 cannot be: its experiment was not played here."
    assert Counterfactual.objects.count() == 0


def test_the_command_asks_for_a_whole_experiment(experiment: Experiment) -> None:
    call_command("rate_by_counterfactual", experiment.name, "--pairs", "2", "--only-zero")

    assert Counterfactual.objects.get().reflection == reflection_of("doors-2", 1)
