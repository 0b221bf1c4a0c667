"""The claim comes first and stands alone; what learns from ratings goes on from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from retro_core import types
from tests.webapp.played import episode, new_experiment, played_experiment
from webapp.adapters.models import Adapter
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import Experiment
from webapp.learning import running
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.reporting import write_report
from webapp.learning.running import Measured, claim, go_on
from webapp.learning.table import repeats
from webapp.training.models import TrainingRun

pytestmark = pytest.mark.django_db
TINY = PROTOCOLS["tiny"]
CONTROLS = {"react", "resample", "fixed_prompt", "last_trial", "reflexion"}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what is played and trained, in order; everything ends at once."""
    names: list[str] = []

    def play(name: str, *_: object, **__: object) -> Experiment:
        names.append(name.removeprefix("learn tiny: "))
        return Experiment(name=name)

    def train(_: object, stage: str, *__: object, **___: object) -> TrainingRun:
        names.append(stage)
        return TrainingRun(name=stage)

    for name, stand_in in {
        "play": play,
        "train": train,
        "snapshot": lambda *_: None,
        "wait": lambda *_: None,
        "_solved_by_another": lambda *_: [],
        "loaded": lambda run: Adapter(name=run.name),
        "made": lambda run: Adapter(name=run.name),
    }.items():
        monkeypatch.setattr(running, name, stand_in)
    return names


def quiet(_: str) -> None:
    """Progress that nobody reads."""


def test_the_claim_needs_no_ratings_and_plays_the_controls_while_it_tunes(begun: list[str]) -> None:
    claimed = claim(TINY, quiet)

    assert claimed.arms.keys() == CONTROLS | {"retroformer sft"}
    assert claimed.runs.keys() == {"sft"}
    assert not [name for name in begun if "elsewhere" in name]
    assert begun.index("sft") < begun.index("react") < begun.index("retroformer sft")


def test_what_learns_from_ratings_goes_on_from_the_claim(begun: list[str]) -> None:
    claimed = claim(TINY, quiet)
    begun.clear()

    measured = go_on(claimed, quiet)

    assert begun[0] == "first trials elsewhere"
    for rated in ("reflexion elsewhere", "retroformer elsewhere", "sample 0 elsewhere"):
        assert begun.index(rated) < begun.index("reward_model") < begun.index("grpo")
    assert begun.index("best of n") < begun.index("ppo")  # played while the next is trained
    assert list(measured.arms)[: len(claimed.arms)] == list(claimed.arms)
    assert measured.runs.keys() == {"sft", "reward_model", "ppo", "grpo"}


def test_a_report_of_the_claim_is_one_without_a_reward_model() -> None:
    plain, tuned = played_experiment("learn tiny: reflexion"), played_experiment("learn tiny: sft")
    measured = Measured(TINY, {"reflexion": plain, "retroformer sft": tuned}, {}, [])

    text = write_report(measured).versions.get().text

    assert "| retroformer sft |" in text
    assert "eward model" not in text


def test_a_reflection_counts_as_repeated_whichever_earlier_one_it_repeats() -> None:
    experiment = new_experiment("tuned")
    row = experiment.experiment_tasks.select_related("task")[0]
    for trial, text in enumerate(("Try red.", "Go and look at blue.", "Try red."), start=1):
        record_episode(row, episode(row.task.key, trial, 0.0))
        record_reflection(row, types.Reflection(row.task.key, trial, "", text), repeat_share=0.9)

    assert repeats(experiment) == 1


def test_the_time_of_collecting_begins_with_the_first_trials() -> None:
    first, given = played_experiment("learn tiny: first trials"), played_experiment("hindsight")
    noon = timezone.now()
    for one, begun, ended in ((first, 0, 10), (given, 11, 15)):
        times = {"started_at": noon + timedelta(minutes=begun)}
        times["finished_at"] = noon + timedelta(minutes=ended)
        Experiment.objects.filter(pk=one.pk).update(**times)

    text = write_report(Measured(TINY, {"reflexion": given}, {}, [given])).versions.get().text

    assert "| collecting reflections and their ratings | 15 |" in text
