"""Ratings of fresh reflections by playing the retry: the service, its client, and a whole run."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from retro_core.config import EpisodeConfig
from retro_core.errors import EndpointUnavailable
from retro_core.training.failures import TrainingFailed
from retro_core.training.retries import RetryClient, RewardRequest
from retro_core.training.spec import GrpoSpec, OptimisationSpec, RewardSpec
from retro_core.types import Message
from tests.workers.doors import CONFIG, doors_experiment, parts
from tests.workers.training_rows import tiny_base, tiny_run
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.experiments.services import start
from webapp.training.models import MetricPoint, Snapshot
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze
from workers import episodes, training_retries
from workers.build import Parts
from workers.training import train
from workers.training_files import folder_of
from workers.training_retries import serving_retries

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(600),
]
TWO_TRIALS = replace(CONFIG, trials=2, episode=EpisodeConfig(max_steps=2))


def good_is_green(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
    """Opens the green door when a reflection says good, else the red one; then leaves."""
    if any(message.role == "assistant" for message in messages):
        return "leave"
    told = "good" in messages[0].content + messages[1].content
    return "open green" if told else "open red"


def away(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
    raise EndpointUnavailable("Nobody answers.")


def only_to_play(made: Parts) -> Callable[..., Parts]:
    """In the place of `build`, for whoever needs nothing that reflects."""

    def build(experiment: Experiment, *, reflects: bool) -> Parts:
        assert not reflects
        return made

    return build


@pytest.fixture
def failed_doors(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """doors-0 was solved; doors-1 (green) and doors-2 (blue) failed twice: ratings 0 and 0."""
    played = parts(good_is_green, config=TWO_TRIALS)
    monkeypatch.setattr(episodes, "build", lambda experiment: played)
    monkeypatch.setattr(training_retries, "build", only_to_play(played))
    experiment = doors_experiment(config=TWO_TRIALS)
    start(experiment.pk)
    episodes.play_experiment(experiment.pk)
    return freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="doors")


def request(task: str, text: str) -> RewardRequest:
    written = Reflection.objects.get(episode__task__key=task)
    return RewardRequest(task, "doors", 1, written.prompt, text)


def test_the_rating_is_that_of_the_retry_with_the_fresh_reflection(
    failed_doors: Snapshot, tmp_path: Path
) -> None:
    address = tmp_path / "retries.address"
    with serving_retries(failed_doors.pk, address):
        ratings = RetryClient(address)(
            [
                request("doors-1", "good plan"),  # the green door is right: return 0 to 1
                request("doors-1", "bad plan"),  # the red door is a wall: 0 to 0
                request("doors-2", "good plan"),  # here the blue one is right
            ]
        )

    assert ratings == [1.0, 0.0, 0.0]
    told = [json.loads(line) for line in (tmp_path / "retries.jsonl").read_text().splitlines()]
    assert {line["trial"] for line in told} == {2}
    assert ["open green", "leave"] in [line["actions"] for line in told]
    assert not address.exists()  # nobody meets a service that is gone


def test_a_line_that_the_token_limit_cut_short_is_not_played(
    failed_doors: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = replace(TWO_TRIALS, reflection=replace(CONFIG.reflection, format="structured"))
    structured = parts(good_is_green, config=lines)
    monkeypatch.setattr(training_retries, "build", only_to_play(structured))
    whole = "Mistake: I opened the red door.\nPlan:\n1. leave"
    address = tmp_path / "retries.address"

    with serving_retries(failed_doors.pk, address):
        ratings = RetryClient(address)([request("doors-1", f" {whole}\n2. good")])

    assert ratings == [0.0]  # "good" would have opened the green door
    assert json.loads((tmp_path / "retries.jsonl").read_text())["text"] == whole


def test_a_failure_that_is_not_in_the_snapshot_is_named(
    failed_doors: Snapshot, tmp_path: Path
) -> None:
    address = tmp_path / "retries.address"
    with (
        serving_retries(failed_doors.pk, address),
        pytest.raises(TrainingFailed, match="no such failure of doors-9"),
    ):
        RetryClient(address)([RewardRequest("doors-9", "doors", 1, "?", "good")])


def test_an_imported_failure_cannot_be_played(failed_doors: Snapshot, tmp_path: Path) -> None:
    Experiment.objects.update(source=Experiment.Source.IMPORTED)
    address = tmp_path / "retries.address"
    with (
        serving_retries(failed_doors.pk, address),
        pytest.raises(TrainingFailed, match="not played here"),
    ):
        RetryClient(address)([request("doors-1", "good")])


def test_an_actor_that_is_away_is_told_as_such(
    failed_doors: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_retries, "build", only_to_play(parts(away)))
    address = tmp_path / "retries.address"
    with (
        serving_retries(failed_doors.pk, address),
        pytest.raises(TrainingFailed, match="Resume when it answers again"),
    ):
        RetryClient(address)([request("doors-1", "good")])


def test_a_request_without_the_secret_plays_nothing(failed_doors: Snapshot, tmp_path: Path) -> None:
    address = tmp_path / "retries.address"
    with serving_retries(failed_doors.pk, address):
        address.write_text(address.read_text().rpartition("/")[0] + "/guessed")
        with pytest.raises(TrainingFailed, match="nothing here"):
            RetryClient(address)([request("doors-1", "good")])

    assert not (tmp_path / "retries.jsonl").exists()


@pytest.fixture
def _tiny(tmp_path: Path, settings) -> None:
    settings.REFLECTOR_BASE_FOLDER = str(tiny_base(tmp_path / "tiny"))
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}


@pytest.mark.usefixtures("_tiny")
def test_grpo_learns_from_retries_without_a_reward_model(failed_doors: Snapshot) -> None:
    run = tiny_run(
        failed_doors,
        "grpo",
        optimisation=OptimisationSpec(
            learning_rate=5e-3, batch_size=4, micro_batch_size=4, max_steps=2
        ),
        reward=RewardSpec(kind="retries"),
        grpo=GrpoSpec(group_size=2, temperature=1.0),
    )

    train(run.pk)

    run.refresh_from_db()
    assert (run.status, run.reason) == ("done", "")
    journal = (folder_of(run.pk).path / "retries.jsonl").read_text().splitlines()
    played = [json.loads(line) for line in journal]
    assert len(played) == 2 * 4 + 2  # two batches, and two samples at the end
    for line in played:
        right = line["task_id"] == "doors-1" and "good" in line["text"]
        assert line["rating"] == float(right)
    mean = sum(line["rating"] for line in played[:4]) / 4
    reward = MetricPoint.objects.get(run=run, split="train", name="reward", step=1)
    assert reward.value == pytest.approx(mean)
