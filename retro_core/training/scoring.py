"""Scores reflections for another process: one JSON question a line in, one JSON answer out.

python -m retro_core.training.scoring --reward-model FOLDER --base-model FOLDER
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from retro_core.errors import RetroError
from retro_core.training.scorer import load_scorer


def answer_all(
    questions: Iterable[str],
    answers: TextIO,
    score: Callable[[Sequence[tuple[str, str]]], list[float]],
) -> None:
    """Answer each question {prompt, texts} with its {scores}, until there are no more."""
    for line in questions:
        asked = json.loads(line)
        reply = {"scores": score([(asked["prompt"], text) for text in asked["texts"]])}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def own_standard_output() -> TextIO:
    """Standard output for answers alone: whatever libraries write there goes to the log."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def main(arguments: list[str] | None = None) -> int:
    """Load the reward model, then answer until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m retro_core.training.scoring")
    parser.add_argument("--reward-model", type=Path, required=True)
    parser.add_argument("--base-model", type=Path, required=True)
    options = parser.parse_args(arguments)
    answers = own_standard_output()
    try:
        scorer = load_scorer(options.reward_model, options.base_model)
    except (RetroError, OSError) as error:
        answers.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    answer_all(sys.stdin, answers, scorer.score)
    return 0


if __name__ == "__main__":
    sys.exit(main())
