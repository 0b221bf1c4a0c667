"""The one-file client and its notebook against a real server."""

import ast
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from webapp.api.models import Token
from webapp.experiments.models import Experiment

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "client"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


@pytest.fixture
def token() -> str:
    from django.contrib.auth.models import User

    user = User.objects.filter(is_superuser=True).first()
    user = user or User.objects.create_superuser("pusher")
    return Token.objects.make(user, "notebook", ["read", "write"])[1]


@pytest.fixture
def client_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("studio_client")


def cells() -> list[dict[str, Any]]:
    notebook = json.loads((FOLDER / "foreign_agent.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> None:
    exec(compile(ast.parse(source), "cell", "exec"), names)


def test_the_notebook_logs_trials_and_reads_their_curve_back(
    live_server: LiveServer, token: str, client_module: ModuleType
) -> None:
    names: dict[str, Any] = {}

    for number, cell in enumerate(cells()):
        run_cell(cell["source"], names)
        if number == 0:
            names |= {"ADDRESS": live_server.url, "TOKEN": token}

    first_doors = [way_out == "red" for way_out in names["TASKS"].values()]
    percent = names["curve"]["success_percent"]
    assert percent[0] == round(100 * sum(first_doors) / 8, 2)
    assert percent[-1] == 100.0
    assert len(names["figure"].data) == 1
    experiment = Experiment.objects.get()
    assert (experiment.status, experiment.tasks_total) == ("finished", 8)
    assert {one["effective_rating"] for one in names["ratings"]} <= {0.0, 1.0}


def test_a_refusal_carries_the_studios_words(
    live_server: LiveServer, client_module: ModuleType
) -> None:
    studio = client_module.Studio(live_server.url, "rfs_wrong")

    with pytest.raises(client_module.StudioError, match="401 unauthenticated"):
        list(studio.experiments())


def test_an_episode_that_nobody_ended_is_recorded_as_cut_off(
    live_server: LiveServer, token: str, client_module: ModuleType
) -> None:
    studio = client_module.Studio(live_server.url, token)
    run = studio.open_experiment("cut", environment="doors")

    with run.episode("d1", trial=1) as episode:
        for number in range(25):
            episode.step(action=f"look {number}")

    (recorded,) = run.episodes()
    assert (recorded["truncated"], recorded["step_count"]) == (True, 25)
    assert studio.experiment("cut").id == run.id


def test_an_agent_that_crashed_begins_its_episode_again(
    live_server: LiveServer, token: str, client_module: ModuleType
) -> None:
    run = client_module.Studio(live_server.url, token).open_experiment("c", environment="doors")
    left = run.episode("d1", trial=1)
    left.step(action="open red")
    left.flush()

    with run.episode("d1", trial=1, restart=True) as episode:
        episode.step(action="open blue")
        episode.end(success=True, episode_return=1.0)

    (recorded,) = run.episodes()
    assert (recorded["success"], recorded["step_count"]) == (True, 1)
