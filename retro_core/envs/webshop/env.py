"""WebShop as an environment: search, choose options, buy; reward 0 to 1 at the purchase."""

from collections.abc import Mapping
from typing import Any

from retro_core.envs.base import EnvInfo, Transition
from retro_core.envs.webshop.catalogue import Catalogue
from retro_core.envs.webshop.generator import generated_catalogue
from retro_core.envs.webshop.goals import goal_from_json
from retro_core.envs.webshop.nouns import NounFinder, noun_finder
from retro_core.envs.webshop.official import load_official
from retro_core.envs.webshop.outcome import Outcome, ShopSession
from retro_core.envs.webshop.react_mode import ReactSession
from retro_core.envs.webshop.rich_mode import RichSession
from retro_core.errors import InvalidInput
from retro_core.types import Task

ENVIRONMENT = "webshop"
SUCCESS_REWARD = 1.0
OVER = "The episode is over."


class WebShopEnv:
    """One shopping trip at a time.

    A task's payload names the `catalogue` (official files: `{"folder": ...}`; the project's own:
    `{"generated": ...}`), the `goal`, and if wanted the `observations` ("react", the default,
    "text_rich" or "text"). `observations` takes the place of what the tasks say.
    """

    def __init__(self, nouns: NounFinder | None = None, observations: str = "") -> None:
        self._nouns = nouns or noun_finder()
        self._observations = observations
        self._session: ShopSession | None = None
        self._score = 0.0
        self._done = False

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Open the shop of the task. Raises InvalidInput if its payload is not a shop's."""
        if task.environment != ENVIRONMENT or "goal" not in task.payload:
            raise InvalidInput(f"Task {task.id!r} is not a WebShop task: it has no goal.")
        self._session = self._open(task.payload)
        self._score, self._done = 0.0, False
        return self._session.start(), self._info(Outcome(""))

    def step(self, action: str) -> Transition:
        """Act: search[words], click[what is in brackets] or think[anything]."""
        if self._session is None:
            raise InvalidInput("Reset the environment with a task before the first step.")
        if self._done:
            info = self._info(Outcome("", understood=False))
            return Transition(OVER, 0.0, True, False, info)
        outcome = self._act(self._session, action.strip())
        self._score, self._done = outcome.reward, outcome.done
        info = self._info(outcome)
        return Transition(outcome.observation, outcome.reward, outcome.done, False, info)

    def _act(self, session: ShopSession, action: str) -> Outcome:
        if action.startswith("think["):
            return Outcome("OK.")
        return session.act(action)

    def _open(self, payload: Mapping[str, Any]) -> ShopSession:
        catalogue = open_catalogue(payload.get("catalogue", {}))
        goal = goal_from_json(payload["goal"])
        form: Any = self._observations or payload.get("observations", "react")  # any JSON
        if form == "react":
            return ReactSession(catalogue, goal, self._nouns)
        if form in {"text", "text_rich"}:
            return RichSession(catalogue, goal, self._nouns, form)
        raise InvalidInput(f"Observations {form!r} are not known: react, text or text_rich.")

    def _info(self, outcome: Outcome) -> EnvInfo:
        session = self._session
        clickable = session.clickable() if session and not self._done else ()
        return EnvInfo(
            success=self._done and self._score == SUCCESS_REWARD,
            score=min(self._score, 1.0),
            admissible_actions=tuple(dict.fromkeys(f"click[{text}]" for text in clickable)),
            invalid_action=not outcome.understood,
            final_answer=session.purchase if session else "",
        )


def open_catalogue(source: Mapping[str, Any]) -> Catalogue:
    """The catalogue that a payload names, built at its first use and kept."""
    if "generated" in source:
        return generated_catalogue(str(source["generated"]))
    if "folder" in source:
        return load_official(str(source["folder"]), str(source.get("products_file", "")))
    raise InvalidInput("The task's catalogue needs a folder of official files, or `generated`.")
