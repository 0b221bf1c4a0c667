"""What the table says of the reward model on tasks that nothing learned from."""

from dataclasses import replace
from pathlib import Path

import pytest

from retro_core.prompts.cues import CUES
from tests.webapp.played import played_experiment
from tests.webapp.training_world import made_adapter
from webapp.adapters.models import Adapter
from webapp.annotation.models import Measurement, ModelScore
from webapp.episodes.models import Reflection
from webapp.learning import ranking
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.running import Measured
from webapp.present import DASH
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze
from webapp.training.services.specs import preset_spec

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]


@pytest.fixture
def scorer(tmp_path: Path) -> Adapter:
    return made_adapter(tmp_path / "a", "scorer", kind="reward_model")


@pytest.fixture
def measured(scorer: Adapter) -> Measured:
    """Two arms with good reflections in one and bad ones in the other."""
    plain, tuned = played_experiment("plain"), played_experiment("tuned")
    Reflection.objects.update(prompt="What went wrong?")
    for experiment, rating in ((plain, 0.0), (tuned, 1.0)):
        mine = Reflection.objects.filter(experiment=experiment)
        mine.update(automatic_rating=rating, effective_rating=rating)
    rated = freeze(BufferQuery(), name="rated")
    spec = preset_spec("reward_model", "cpu-small")
    run = launch(name="scorer", snapshot=rated, spec=spec, preset="cpu-small")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=scorer)
    arms = {"reflexion": plain, "retroformer sft": tuned}
    return Measured(PROTOCOLS["small"], arms, {"reward_model": run}, [])


def read_at_once(scorer: Adapter, tasks: str = "unseen tasks") -> None:
    """In the worker's place: the score is the rating of what is held out."""
    written = Snapshot.objects.get(name=f"learn small: reflections on {tasks}")
    held = written.items.filter(split=SnapshotItem.Split.VALIDATION)
    ModelScore.objects.bulk_create(
        ModelScore(adapter=scorer, reflection_id=item.reflection_id, score=item.rating)
        for item in held
    )


def read_by(
    scorer: Adapter, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> ranking.Reading:
    """The arms' reflections, read by a worker that needs no time."""

    def work(_: float) -> None:
        read_at_once(scorer)
        Measurement.objects.update(status=Measurement.Status.DONE)

    monkeypatch.setattr(ranking.time, "sleep", work)
    reading = ranking.of_arms(measured)
    ranking.read(reading)
    return reading


def test_scores_are_told_over_all_arms_and_within_each(
    measured: Measured, scorer: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = read_by(scorer, measured, monkeypatch)

    told = list(ranking.lines(reading))
    whole = next(line for line in told if line.startswith("| all |"))
    assert "| 1.00 [" in whole
    # All were written after trial 1, so that the trial number tells nothing.
    assert "| 0.50 [" in whole
    assert "| +0.50 [0.50, 0.50] |" in whole
    within = [line for line in told if line.startswith(("| plain |", "| tuned |"))]
    assert len(within) == 2
    assert all("one class only" in line for line in within)


def test_the_cues_stand_beside_the_model_that_began_with_them(
    measured: Measured, scorer: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = read_by(scorer, measured, monkeypatch)
    without = next(line for line in ranking.lines(reading) if line.startswith("| all |"))
    told = {"environment": "alfworld", "bias": 1.0, "weights": dict.fromkeys(CUES, 0.0)}
    Adapter.objects.filter(pk=scorer.pk).update(figures={"cues": told})

    beside = next(line for line in ranking.lines(reading) if line.startswith("| all |"))

    assert without.split("|")[6].strip() == DASH
    assert beside.split("|")[6].strip() == "0.50 [0.50, 0.50]"


def test_two_readings_are_told_each_and_together(
    measured: Measured, scorer: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ranking.of_arms(measured)
    fresh = replace(first, experiments=first.experiments[:1], tasks="fresh tasks")
    monkeypatch.setattr(
        ranking.time, "sleep", lambda _: Measurement.objects.update(status=Measurement.Status.DONE)
    )
    for reading in (first, fresh):
        ranking.read(reading)
    read_at_once(scorer)

    told = list(ranking.lines(first, fresh))

    counts = [int(line.split("|")[2]) for line in told[2:5]]
    assert [line.split("|")[1].strip() for line in told[2:5]] == [
        "unseen tasks",
        "fresh tasks",
        "all",
    ]
    assert counts[0] + counts[1] == counts[2]
    assert counts[1] > 0
    assert "one class only" in told[3]
    assert told[3].endswith("|  |")


def test_arms_that_are_not_all_played_are_not_read(measured: Measured) -> None:
    scorer = measured.runs["reward_model"]
    assert ranking.of_finished_arms(measured.protocol, scorer) is None


def test_a_measurement_that_failed_says_why(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_: float) -> None:
        Measurement.objects.update(status=Measurement.Status.FAILED, reason="No memory.")

    monkeypatch.setattr(ranking.time, "sleep", work)

    with pytest.raises(ranking.InvalidInput, match="No memory"):
        ranking.read(ranking.of_arms(measured))
