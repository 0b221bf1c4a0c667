"""HotPotQA as an environment: search pages, look words up, finish with an answer."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from retro_core.envs.base import EnvInfo, Transition
from retro_core.envs.hotpotqa.answers import is_exact_match, token_f1
from retro_core.envs.hotpotqa.pages import PageStore, load_corpus, pages_from_paragraphs
from retro_core.envs.hotpotqa.reader import Reader
from retro_core.envs.hotpotqa.wikipedia import WikipediaPages
from retro_core.envs.hotpotqa.world import world_pages
from retro_core.errors import InvalidInput
from retro_core.types import Task

ENVIRONMENT = "hotpotqa"
ACTION = re.compile(r"(search|lookup|finish)\s*\[(.+)\][\s.]*", re.IGNORECASE | re.DOTALL)
FORM = (
    "That action is not understood. Write one of Search[entity], Lookup[keyword] or "
    "Finish[answer], with the words in square brackets."
)
OVER = "The episode is over."

Returns = Literal["f1", "success"]


class HotpotQaEnv:
    """One question at a time.

    A task's payload holds `question` and `answer`, and says where pages come from: its own
    `paragraphs`, or `pages` as `{"corpus": folder}`, `{"world": name}` (the project's own) or
    `{"wikipedia": true}`. The reward comes with the answer: its token F1, or with
    `returns="success"` 1 for an exact match and 0 otherwise. `pages` takes the place of whatever
    the tasks say; `wikipedia` is for those that ask for live pages.
    """

    def __init__(
        self,
        returns: Returns = "f1",
        wikipedia: PageStore | None = None,
        pages: PageStore | None = None,
    ) -> None:
        self._returns = returns
        self._wikipedia = wikipedia
        self._for_all = pages
        self._pages: PageStore | None = None
        self._reader = Reader()
        self._gold = ""
        self._end: EnvInfo | None = None

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Ask the question. Raises InvalidInput if the payload is not a question's."""
        payload = task.payload
        if task.environment != ENVIRONMENT or not {"question", "answer"} <= payload.keys():
            message = f"Task {task.id!r} is not a HotPotQA task: it has no question and answer."
            raise InvalidInput(message)
        self._pages = self._open_pages(payload)
        self._reader = Reader()
        self._gold = str(payload["answer"])
        self._end = None
        return f"Question: {payload['question']}", EnvInfo()

    def step(self, action: str) -> Transition:
        """Act; letter case does not matter in the action's name."""
        if self._pages is None:
            raise InvalidInput("Reset the environment with a task before the first step.")
        if self._end is not None:
            return Transition(OVER, 0.0, True, False, self._end)
        found = ACTION.fullmatch(action.strip())
        argument = found[2].strip() if found else ""
        if found is None or not argument:
            return Transition(FORM, 0.0, False, False, EnvInfo(invalid_action=True))
        name = found[1].lower()
        if name == "finish":
            return self._finish(argument)
        observation = (
            self._search(argument, self._pages)
            if name == "search"
            else self._reader.look_up(argument)
        )
        return Transition(observation, 0.0, False, False, EnvInfo())

    def _search(self, entity: str, pages: PageStore) -> str:
        page = pages.find(entity)
        if page is not None:
            return self._reader.open(page)
        return f"Could not find [{entity}]. Similar: {pages.similar(entity)}."

    def _finish(self, answer: str) -> Transition:
        success = is_exact_match(answer, self._gold)
        f1 = token_f1(answer, self._gold)
        reward = f1 if self._returns == "f1" else float(success)
        self._end = EnvInfo(success=success, score=f1, final_answer=answer)
        observation = "Answer is CORRECT" if success else "Answer is INCORRECT"
        return Transition(observation, reward, True, False, self._end)

    def _open_pages(self, payload: Mapping[str, Any]) -> PageStore:
        if self._for_all is not None:
            return self._for_all
        if "paragraphs" in payload:
            return pages_from_paragraphs(payload["paragraphs"])
        source = payload.get("pages", {})
        if "corpus" in source:
            return load_corpus(str(source["corpus"]))
        if "world" in source:
            return world_pages(str(source["world"]))
        if source.get("wikipedia"):
            self._wikipedia = self._wikipedia or WikipediaPages()
            return self._wikipedia
        raise InvalidInput(
            "The task says not where its pages are: paragraphs, corpus or wikipedia."
        )
