"""An official file from end to end: what becomes of it is told, whatever happens."""

import json
from pathlib import Path

import pytest

from retro_core.errors import InvalidInput
from webapp.exchange.models import Transfer
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.worlds.services import official_run
from webapp.worlds.services.official_run import OfficialRun, play_official
from workers.exchange import run_transfer

pytestmark = pytest.mark.django_db(transaction=True)  # the job closes its connections
QUESTION = {
    "question": "What is left by fire?",
    "answer": "ash",
    "type": "bridge",
    "level": "easy",
    "supporting_facts": [["Fire", 0]],
    "context": [["Fire", ["Fire leaves ash."]]],
}


class Workers:
    """Does at each look what the workers would have done meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
        self.ending = ending
        monkeypatch.setattr(official_run.time, "sleep", self.work)

    def work(self, seconds: float) -> None:
        for transfer in Transfer.objects.filter(status=Transfer.Status.QUEUED):
            run_transfer(transfer.pk)
        queued = Experiment.objects.filter(status=Experiment.Status.QUEUED)
        queued.update(status=self.ending, tasks_ended=2, tasks_solved=1, status_message="Away.")


def questions(folder: Path, count: int) -> Path:
    path = folder / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([{**QUESTION, "_id": f"q{n}"} for n in range(count)]))
    return path


def test_the_first_tasks_of_a_file_are_played_as_asked_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str
) -> None:
    Workers(monkeypatch, "finished")
    run = OfficialRun(questions(tmp_path, 3), "hotpotqa", count=2, concurrency=8)
    said: list[str] = []

    played = play_official(run, said.append, None)
    again = play_official(run, said.append, None)

    assert again.pk == played.pk
    assert (played.tasks_total, played.method, played.trials, played.concurrency) == (
        *(2, "react", 1),
        8,
    )
    assert played.config["episode"]["max_steps"] == 6
    assert said == [
        "Imported: hotpot_dev_distractor_v1 valid_unseen",
        "2 of 2 tasks ended, 1 solved",
    ]
    whole = TaskSet.objects.get(name="hotpot_dev_distractor_v1 valid_unseen")
    assert whole.members.count() == 3


def test_a_file_that_cannot_be_read_ends_it_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str
) -> None:
    Workers(monkeypatch, "finished")
    path = tmp_path / "hotpot.json"
    path.write_text('[{"question": "?"}]')

    with pytest.raises(InvalidInput, match=r"not imported: .*question"):
        play_official(OfficialRun(path, "hotpotqa"), lambda line: None, None)

    assert not Experiment.objects.exists()


def test_a_paused_experiment_ends_the_waiting_with_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str
) -> None:
    Workers(monkeypatch, "paused")

    with pytest.raises(InvalidInput, match=r"It is paused\. Away\."):
        play_official(OfficialRun(questions(tmp_path, 1), "hotpotqa"), lambda line: None, None)
