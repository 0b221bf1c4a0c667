"""The reward model of games that nothing was tuned on: what it learns from, and its arm."""

from pathlib import Path

import pytest

from retro_core.errors import InvalidInput
from tests.webapp.played import played_experiment
from tests.webapp.training_world import made_adapter
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment
from webapp.learning import judging, ranking, running
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.running import Measured
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze
from webapp.training.services.specs import preset_spec

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
SMALL = PROTOCOLS["small"]


@pytest.fixture
def tuning(tmp_path: Path) -> TrainingRun:
    """The tuned reflector that all parts after the first need."""
    played_experiment(SMALL.title("sample 0"))
    rated = freeze(BufferQuery(), name="plans")
    spec = preset_spec("sft", "cpu-small")
    run = launch(name=SMALL.title("sft"), snapshot=rated, spec=spec, preset="cpu-small")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=made_adapter(tmp_path / "a", "tuned"))
    return run


def test_without_played_arms_it_says_what_to_do(tuning: TrainingRun) -> None:
    with pytest.raises(InvalidInput, match="run `make learn` first"):
        judging.run(SMALL, print)


@pytest.mark.usefixtures("tuning")
def test_it_learns_from_other_games_than_were_tuned_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ranking.ARMS:
        played_experiment(SMALL.title(name))
    own = [f"sample {number} elsewhere" for number in range(SMALL.samples)]
    own += [f"whole runs of {judging.PLAIN}"]
    for name in ("first trials elsewhere", *own):
        played_experiment(SMALL.title(name))
    for one in Experiment.objects.all():  # or equal texts would count as repeats of each other
        one.reflections.update(text=f"I tried {one.name}.")
    for module in (judging, running):
        monkeypatch.setattr(module, "wait", lambda rows, say: None)
        monkeypatch.setattr(module, "loaded", lambda run: run.adapter)

    with pytest.raises(InvalidInput, match="made no adapter: queued"):  # nothing trains here
        judging.run(SMALL, print)

    frozen = Snapshot.objects.get(name=SMALL.title("ratings elsewhere"))
    names = set(frozen.items.values_list("experiment_name", flat=True))
    assert names == {SMALL.title(name) for name in own}
    judge = TrainingRun.objects.get(name=SMALL.title("reward model elsewhere"))
    assert judge.parent is not None
    assert judge.parent.name == "tuned-v1"
    assert judge.spec["optimisation"]["epochs"] == 1.0


def test_its_arm_stands_beside_those_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, tuned, chosen = (played_experiment(name) for name in ("plain", "tuned", "chosen"))
    Episode.objects.filter(experiment=plain).update(success=False)
    monkeypatch.setattr(ranking, "lines", lambda measured: iter(["areas"]))
    measured = Measured(SMALL, {judging.PLAIN: plain, judging.TUNED: tuned}, {}, [])

    told = list(judging.lines(judging.Judged(measured, chosen)))

    assert told[0] == "areas"
    assert told[-3].startswith("| reflexion | 0 [0, 0] |")
    assert told[-1].startswith("| best of n, judge from elsewhere | 33 [")
    assert told[-1].endswith("| +67 [0, 100] | 0.500 |")
