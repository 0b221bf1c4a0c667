"""The children that `manage.py up` starts, as the settings describe them."""

from collections import defaultdict
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from retro_core.supervisor.places import Places
from retro_core.supervisor.service import Service
from webapp.system import stack, starting


def named(children: list[Service], name: str) -> Service:
    return next(child for child in children if child.name == name)


def test_the_model_server_takes_the_device_of_the_settings(settings) -> None:
    settings.EMBEDDED_LM = True
    given = []
    for settings.LM_DEVICE in ("cpu", "cuda"):
        command = named(stack.lm_server(), "LM server").command
        given.append(command[command.index("--device") + 1])

    assert given == ["cpu", "cuda"]


def test_only_the_worker_that_may_train_is_waited_for_long() -> None:
    training, exchange = (
        named(stack.workers(), name) for name in ("Worker training", "Worker exchange")
    )

    assert (training.stop_limit_s, exchange.stop_limit_s) == (60.0, 10.0)
    assert "saves a checkpoint" in training.stop_takes


def test_down_waits_longer_than_the_floors_may_take_to_stop() -> None:
    floors: dict[int, list[float]] = defaultdict(list)
    for child in [*stack.stores(), *stack.lm_server(), *stack.workers(), stack.web_server()]:
        floors[child.floor].append(child.stop_limit_s)

    assert len(floors) == 3
    assert sum(max(limits) for limits in floors.values()) < starting.STOP_LIMIT_S


@pytest.mark.parametrize(
    "words",
    [
        ("make_tasks", "a name"),
        ("import_episodes", __file__),
        ("curve", "a name"),
        ("rate_by_counterfactual", "a name"),
        ("purge_experiments",),
        ("make_bench_data",),
    ],
)
def test_a_command_that_needs_the_database_names_the_way_to_one(
    words: tuple[str, ...], tmp_path: Path, settings
) -> None:
    settings.PLACES = Places(tmp_path)  # where nothing runs

    with pytest.raises(CommandError, match="The studio is not running: `make up` starts it"):
        call_command(*words)
