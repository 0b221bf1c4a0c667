"""The children that `manage.py up` starts, as the settings describe them."""

from collections import defaultdict

from retro_core.supervisor.service import Service
from webapp.system import stack, starting


def named(children: list[Service], name: str) -> Service:
    return next(child for child in children if child.name == name)


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
