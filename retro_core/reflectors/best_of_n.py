"""The best of several reflections, as a reward model ranks them."""

from collections.abc import Callable
from functools import reduce

from retro_core.llm.reply import joined
from retro_core.reflectors.base import Completion, Reflector
from retro_core.seeds import derived_seed
from retro_core.types import Candidate

Score = Callable[[str, str], float]


class BestOfN:
    """Asks a reflector for `count` seeded candidates and keeps the best.

    `score(prompt, text)` is a reward model's rating. Of equal scores the earliest is kept, and
    candidate 1 has the seed that is used without ranking, so that n = 1 changes nothing.
    """

    def __init__(self, reflector: Reflector, score: Score, count: int) -> None:
        self.reflector, self.score, self.count = reflector, score, count
        self.adapter = reflector.adapter

    def reflect(self, prompt: str, *, seed: int, grammar: str = "") -> Completion:
        """Answer a reflection prompt; the usage is that of all candidates."""
        seeds = [seed, *(derived_seed(seed, number) for number in range(2, self.count + 1))]
        written = [self.reflector.reflect(prompt, seed=one, grammar=grammar) for one in seeds]
        candidates = tuple(
            Candidate(completion.text, one, self.score(prompt, completion.text))
            for one, completion in zip(seeds, written, strict=True)
        )
        best = max(candidates, key=lambda candidate: candidate.score)
        usage = reduce(joined, (completion.usage for completion in written))
        return Completion(best.text, usage, candidates)
