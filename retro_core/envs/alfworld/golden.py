"""Replays recorded games of the stock engine and says whether every record is equal."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.play import Play
from retro_core.envs.alfworld.wording import GOAL_PREFIX, Wording, first_observation
from retro_core.errors import InvalidInput

Record = dict[str, Any]
"""A JSON object: action, observation, admissible, score, done, won."""

_COMPARED = ("observation", "admissible", "score", "done", "won")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One record: whether it is equal, and where it is and differs."""

    equal: bool
    difference: str = ""


def compare_file(path: Path) -> Iterator[Comparison]:
    """Replay one file, record by record. Raises InvalidInput if it is no golden file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        problem, sessions = content["pddl_problem"], content["sessions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not a golden file: {error!r}") from error
    for number, session in enumerate(sessions, start=1):
        for position, (expected, found) in enumerate(_replay(problem, session)):
            yield _compare(f"{path.name}, session {number}, record {position}", expected, found)


def _replay(problem: str, session: Record) -> Iterator[tuple[Record, Record]]:
    """Pair every record with what this engine answers; the goal comes from the recording."""
    play = Play(read_game(problem), Wording())
    goal = session["observation"].rpartition(GOAL_PREFIX)[2].removesuffix(".")
    opening = first_observation(play.opening(), goal)
    yield session, {"observation": opening, "admissible": list(play.admissible())}
    for step in session["steps"]:
        observation = play.act(step["action"])
        won = play.won()
        found = {"observation": observation, "score": int(won), "done": won, "won": won}
        yield step, {**found, "admissible": list(play.admissible())}


def _compare(place: str, expected: Record, found: Record) -> Comparison:
    for key in _COMPARED:
        if key in found and expected.get(key) != found[key]:
            lines = (
                f"{place}: {key}",
                f"  stock: {expected.get(key)!r}",
                f"  ours:  {found[key]!r}",
            )
            return Comparison(equal=False, difference="\n".join(lines))
    return Comparison(equal=True)


def main(arguments: Sequence[str]) -> int:
    """Compare every file; the exit status is 1 if a record differs, 2 if a file cannot be read."""
    try:
        compared = [record for name in arguments for record in compare_file(Path(name))]
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    differences = [record.difference for record in compared if not record.equal]
    sys.stdout.write(f"{len(compared) - len(differences)} of {len(compared)} records equal\n")
    if differences:
        sys.stdout.write(f"First difference: {differences[0]}\n")
    return 1 if differences or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
