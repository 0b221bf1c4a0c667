"""Environments of other packages: found, looked at, and kept from doing harm."""

import pytest

from retro_core.envs.base import EnvSpec, Transition, broken, env_spec, registered
from retro_core.errors import InvalidInput
from retro_core.types import Task
from tests.foreign_packages import Install, install

__all__ = ["install"]


def ring(spec: EnvSpec, task: Task) -> Transition:
    env = spec.create()
    env.reset(task)
    return env.step("ring")


def test_a_package_adds_a_world_by_its_entry_point(install: Install) -> None:
    install("good_bell", "SPEC = spec()")

    found = env_spec("bell")

    assert ring(found, found.generate(count=1, split="train", seed=0)[0]).info.success
    assert broken() == ()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def SPEC(:", "SyntaxError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("raise ValueError('half done')", "ValueError: half done"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "has no attribute 'SPEC'"),
        ("SPEC = spec", "it names a function, not an EnvSpec"),
        ("SPEC = spec(name='My World/../x')", "its name 'My World/../x' is not"),
        ("SPEC = spec(name=None)", "its name None is not"),
        ("SPEC = spec(name='a' * 61)", "is not 1 to 60"),
        ("SPEC = spec(splits=())", "it has no splits"),
        ("SPEC = spec(prompt_folder='nowhere')", "No prompt folder 'nowhere'"),
        ("SPEC = spec(prompt_folder='nowhere:x')", "No module named 'nowhere'"),
        ("SPEC = spec(prompt_folder='common')", "lacks instructions.txt"),
        ("SPEC = spec(prompt_folder=5)", "AttributeError"),
        ("SPEC = spec(name='alfworld')", "there is another environment named 'alfworld'"),
    ],
)
def test_a_broken_package_is_left_out_with_its_reason(
    install: Install, source: str, reason: str
) -> None:
    before = dict(registered())

    install("broken_bell", source)

    (one,) = broken()
    assert (one.name, one.package) == ("broken_bell", "broken_bell")
    assert reason in one.reason
    assert registered() == before


def test_asking_for_a_broken_world_tells_why_it_is_missing(install: Install) -> None:
    install("cracked_bell", "raise ValueError('cracked')")

    with pytest.raises(InvalidInput, match=r"of cracked_bell is broken.*cracked"):
        env_spec("cracked_bell")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def reset(self, task): return task.payload['nothing']", "KeyError: 'nothing'"),
        ("def reset(self, task): return 'A bell.'", "reset gave no"),
        ("def step(self, action): 1 / 0", "ZeroDivisionError"),
        ("def step(self, action): return 'Dong.', 1.0, True, False, {}", "gave no Transition"),
        (
            "def step(self, action): "
            "return Transition('Dong.', float('nan'), True, False, EnvInfo())",
            "finite reward",
        ),
        ("def __init__(self): raise OSError('no bell')", "no bell"),
        ("reset = property(lambda self: 1 / 0)", "ZeroDivisionError"),
    ],
)
def test_a_world_that_fails_while_it_is_played_tells_so_as_bad_input(
    install: Install, body: str, reason: str
) -> None:
    install("weak_bell", f"class Weak(Bell):\n    {body}\nSPEC = spec(create=Weak)")
    found = env_spec("bell")
    (task,) = found.generate(count=1, split="train", seed=0)

    with pytest.raises(InvalidInput, match=f"Bell.*{reason}"):
        ring(found, task)


def test_a_world_that_cannot_tell_what_it_lacks_counts_as_lacking_something(
    install: Install,
) -> None:
    install("dumb_bell", "SPEC = spec(missing=lambda: 1 / 0)")

    assert "ZeroDivisionError" in env_spec("bell").missing()
