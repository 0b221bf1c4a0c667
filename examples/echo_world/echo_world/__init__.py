"""Echo World: say the given words backwards, one by one."""

from random import Random

from retro_core.envs.base import EnvInfo, EnvSpec, Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task

NAME = "echo_world"
SPLITS = ("train", "valid_seen", "valid_unseen")
WORDS = {
    "train": ("apple", "brook", "candle", "drum", "ember", "fern", "glove", "harp"),
    "valid_seen": ("apple", "brook", "candle", "drum", "ember", "fern", "glove", "harp"),
    "valid_unseen": ("anchor", "beacon", "cliff", "dune", "eddy", "foam", "gull", "hull"),
}
LENGTHS = {"train": 3, "valid_seen": 4, "valid_unseen": 4}


class EchoEnv:
    """A wrong word changes nothing; the last right one ends the episode."""

    def __init__(self) -> None:
        self._words: tuple[str, ...] = ()
        self._left: list[str] = []

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        words = task.payload.get("words", ())
        if task.environment != NAME or not words:
            raise InvalidInput(f"Task {task.id!r} is not an echo task: it has no words.")
        self._words, self._left = tuple(words), list(words)
        return f"Say these words backwards, one by one: {', '.join(self._words)}.", self._info()

    def step(self, action: str) -> Transition:
        if not self._left:
            return Transition("All is said.", 0.0, True, False, self._info())
        said = action.strip().lower().removeprefix("say ")
        if said != self._left[-1]:
            return Transition("Silence.", 0.0, False, False, self._info(invalid=self._odd(said)))
        self._left.pop()
        done = not self._left
        observation = "All is said." if done else f"...{said}..."
        return Transition(observation, 1 / len(self._words), done, False, self._info())

    def _odd(self, said: str) -> bool:
        return said not in self._words

    def _info(self, *, invalid: bool = False) -> EnvInfo:
        return EnvInfo(
            success=not self._left,
            score=1 - len(self._left) / len(self._words),
            admissible_actions=tuple(f"say {word}" for word in self._words if self._left),
            invalid_action=invalid,
        )


def generate(*, count: int, split: str, seed: int) -> list[Task]:
    """Tasks of one split: train has three words, the others four."""
    if split not in SPLITS:
        raise InvalidInput(f"No split {split!r}; there are: {', '.join(SPLITS)}.")
    rng = Random(f"{seed}/{split}")
    drawn = (rng.sample(WORDS[split], LENGTHS[split]) for _ in range(count))
    return [
        Task(
            id=f"echo-{split}-{seed}-{number}",
            environment=NAME,
            goal=f"Say backwards: {', '.join(words)}.",
            split=split,
            payload={"words": words},
        )
        for number, words in enumerate(drawn)
    ]


SPEC = EnvSpec(
    name=NAME,
    title="Echo World",
    description="Say the given words backwards, one by one. A template for worlds of your own.",
    create=EchoEnv,
    generate=generate,
    splits=SPLITS,
    default_max_steps=8,
    default_trials=3,
    prompt_folder="echo_world:prompts",
    success_meaning="Every word was said in the right order.",
    licence="Apache-2.0",
    action_forms=("say WORD",),
)
