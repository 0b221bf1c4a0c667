"""What other experiments' records give to a trial: its repetition, and plans in hindsight."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from django.utils import timezone

from retro_core.actors.scripted import ScriptedActor
from retro_core.hindsight import plan_text, shortened
from retro_core.types import Message
from tests.toy_world import DoorsEnv, doors_task
from tests.workers import doors
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import services
from webapp.experiments.models import Experiment
from workers import crew, episodes
from workers.build import Parts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
REUSING = replace(doors.CONFIG, reuse=True)


def play(monkeypatch: pytest.MonkeyPatch, name: str, parts: Parts) -> Experiment:
    """Play three doors tasks with these parts to the end."""
    monkeypatch.setattr(crew, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(episodes, "build", lambda row: parts)
    first = Experiment.objects.first()
    if first:
        experiment = services.create_experiment(
            name=name, task_set=first.task_set, config=parts.config, concurrency=2
        )
    else:
        experiment = doors.doors_experiment(3, config=parts.config, name=name)
    services.start(experiment.pk)
    episodes.play_experiment(experiment.pk)
    experiment.refresh_from_db()
    return experiment


def results(experiment: Experiment) -> list[tuple[object, ...]]:
    rows = experiment.episodes.order_by("task__key", "trial")
    return list(rows.values_list("task__key", "trial", "seed", "success", "episode_return"))


def counting(asked: list[int]) -> Parts:
    def rule(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
        asked.append(seed)
        return doors.told_door(messages, admissible, seed)

    return replace(doors.parts(config=REUSING), actor=ScriptedActor(rule))


def test_an_equal_experiment_asks_no_actor_and_has_equal_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    first = play(monkeypatch, "first", counting(asked))
    calls = len(asked)

    second = play(monkeypatch, "second", counting(asked))

    assert calls > 0
    assert len(asked) == calls
    assert results(second) == results(first)


def test_without_the_setting_everything_is_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    play(monkeypatch, "first", counting(asked))
    calls = len(asked)

    play(monkeypatch, "second", replace(counting(asked), config=doors.CONFIG))

    assert len(asked) == 2 * calls


@pytest.mark.parametrize("changed", ["pages", "code", "deleted"])
def test_an_episode_of_another_world_or_code_or_a_deleted_one_is_no_repetition(
    monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    asked: list[int] = []
    first = play(monkeypatch, "first", counting(asked))
    calls = len(asked)
    other = counting(asked)
    if changed == "pages":
        pages = replace(REUSING.pages, store="wikipedia")
        other = replace(other, config=replace(REUSING, pages=pages))
    elif changed == "code":
        Experiment.objects.filter(pk=first.pk).update(code_version="older")
    else:
        Experiment.objects.filter(pk=first.pk).update(deleted_at=timezone.now())

    play(monkeypatch, "second", other)

    assert len(asked) == 2 * calls


def test_hindsight_writes_the_shortened_plan_of_a_recorded_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch, "first", doors.parts())
    reflection = replace(doors.CONFIG.reflection, protocol="hindsight")
    config = replace(doors.CONFIG, reflection=reflection, trials=2)

    second = play(monkeypatch, "second", replace(doors.parts(config=config), reflector=None))

    written = Reflection.objects.filter(experiment=second).order_by("episode__task__key")
    assert [row.text for row in written] == [
        plan_text(["open green", "leave"]),
        plan_text(["open blue", "leave"]),
    ]
    assert {row.adapter for row in written} == {"hindsight"}


def test_a_task_that_nothing_solved_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reflection = replace(doors.CONFIG.reflection, protocol="hindsight")
    config = replace(doors.CONFIG, reflection=reflection)

    experiment = play(monkeypatch, "first", replace(doors.parts(config=config), reflector=None))

    assert experiment.tasks_failed == 3
    assert "no hindsight" in experiment.experiment_tasks.first().error
    assert Episode.objects.count() == 0


def test_every_action_that_is_not_needed_is_left_out() -> None:
    played = ["open red", "open green", "open blue", "open green", "leave"]

    assert shortened(DoorsEnv, doors_task("open green"), played) == ("open green", "leave")
