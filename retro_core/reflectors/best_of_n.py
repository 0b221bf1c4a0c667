"""The best of several reflections, as a reward model ranks them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

from retro_core.llm.reply import joined
from retro_core.prompts.grammar import whole_lines
from retro_core.reflectors.base import Completion, Reflector
from retro_core.seeds import derived_seed
from retro_core.types import Candidate

Score = Callable[[str, Sequence[str]], list[float]]


class BestOfN:
    """Asks a reflector for `count` seeded candidates and keeps the best.

    `score(prompt, texts)` is a reward model's rating of each. Candidates are asked for side by
    side: a server writes several in little more time than one. Of equal scores the earliest is
    kept, and candidate 1 has the seed that is used without ranking, so that n = 1 changes nothing.
    """

    def __init__(self, reflector: Reflector, score: Score, count: int) -> None:
        self.reflector, self.score, self.count = reflector, score, count
        self.adapter = reflector.adapter

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Answer a reflection prompt; the usage is that of all candidates."""
        seeds = [seed, *(derived_seed(seed, number) for number in range(2, self.count + 1))]

        def write(one: int) -> Completion:
            return self.reflector.reflect(prompt, seed=one, grammar=grammar, warmer=warmer)

        with ThreadPoolExecutor(self.count) as side_by_side:
            written = list(side_by_side.map(write, seeds))
        # As they would be kept: what is scored must be what the actor reads.
        texts = [whole_lines(completion.text, grammar) for completion in written]
        scored = zip(texts, seeds, self.score(prompt, texts), strict=True)
        candidates = tuple(Candidate(text, one, score) for text, one, score in scored)
        best = max(candidates, key=lambda candidate: candidate.score)
        usage = reduce(joined, (completion.usage for completion in written))
        return Completion(best.text, usage, candidates)
