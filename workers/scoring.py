"""The reward model in a child process: jobs never load a model library themselves."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from retro_core.errors import EndpointUnavailable, InvalidInput
from retro_core.supervisor.service import TAIL_BYTES
from retro_core.training.launch import TRAINER_ENVIRONMENT
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import adapter_folder
from workers.training_files import base_model

PROGRAM = "retro_core.training.scoring"
END_SECONDS = 10.0


class ScoringChild:
    """Rates reflections by asking its child; shared by the players, who take turns.

    The child starts with the first question and ends with its standard input: at `close`, or with
    the death of this process, however sudden.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = tuple(command), dict(environment), log
        self._child: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def __call__(self, prompt: str, texts: Sequence[str]) -> list[float]:
        """The score of each reflection. Raises EndpointUnavailable with the child's last words."""
        with self._turn:
            answer = self._ask(json.dumps({"prompt": prompt, "texts": list(texts)}))
        if "error" in answer:
            raise EndpointUnavailable(f"The reward model cannot score: {answer['error']}")
        return [float(score) for score in answer["scores"]]

    def close(self) -> None:
        """End the child, if there is one."""
        with self._turn:
            child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        with suppress(BrokenPipeError):
            child.stdin.close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _ask(self, question: str) -> dict[str, Any]:
        child = self._child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):  # an ended child's last words can still be read
            child.stdin.write(question + "\n")
            child.stdin.flush()
        try:
            answer = json.loads(child.stdout.readline())
        except ValueError as error:
            child.kill()
            child.wait()
            self._child = None
            words = f"The reward model's process ended. {self._tail()}"
            raise EndpointUnavailable(words) from error
        assert isinstance(answer, dict)
        return answer

    def _start(self) -> "subprocess.Popen[str]":
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
                cwd=settings.BASE_DIR,
                start_new_session=True,
            )

    def _tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
            return log.read().decode(errors="replace").strip()


def reward_model(name: str) -> ScoringChild:
    """The scorer of a registered reward model. Raises InvalidInput if there is none."""
    known = Adapter.objects.filter(kind=Adapter.Kind.REWARD_MODEL)
    adapter = known.filter(name=name).first()
    if adapter is None:
        raise InvalidInput(
            f"Best of N needs a reward model; the registry has none named {name!r}. Train one, or"
            " set best of n to 1."
        )
    folder = adapter_folder(adapter)
    if not folder.is_dir():
        raise InvalidInput(f"The files of the reward model {name} are not at {folder}.")
    places = ("--reward-model", str(folder), "--base-model", base_model().folder)
    return ScoringChild(
        (sys.executable, "-m", PROGRAM, *places),
        {**settings.CHILD_ENVIRONMENT, **TRAINER_ENVIRONMENT},
        settings.PLACES.logs / "reward-model.log",
    )
