"""Compare the shop with recordings of the original: goals, rewards, searches, whole sessions."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retro_core.envs.webshop.catalogue import Catalogue
from retro_core.envs.webshop.goals import Goal
from retro_core.envs.webshop.nouns import NounFinder, approximate_nouns, noun_finder
from retro_core.envs.webshop.official import load_official, official_goals
from retro_core.envs.webshop.outcome import Outcome
from retro_core.envs.webshop.react_mode import ReactSession
from retro_core.envs.webshop.reward import Reward, purchase_reward

Record = Mapping[str, Any]  # one entry of the golden file


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many records of one kind are equal, and what the first difference is."""

    kind: str
    equal: int
    total: int
    first_difference: str = ""

    def __str__(self) -> str:
        difference = f"\n  first difference: {self.first_difference}" * bool(self.first_difference)
        return f"{self.kind}: {self.equal} of {self.total} equal{difference}"


def compare_golden(
    golden: Record, folder: str, nouns: NounFinder | None = None
) -> list[Comparison]:
    """Replay everything a golden file holds on the catalogue in `folder`."""
    catalogue = load_official(folder)
    goals = official_goals(folder)
    find = nouns or noun_finder()
    sessions = golden.get("react_sessions", golden.get("sessions", ()))
    return [
        _compare("goals", enumerate(golden.get("goal_order", ())), lambda g: _goal(g, goals)),
        _compare("rewards", golden.get("rewards", ()), lambda r: _reward(r, catalogue, find)),
        _compare("searches", golden.get("searches", ()), lambda s: _search(s, catalogue)),
        _compare("sessions", sessions, lambda s: _session(s, catalogue, goals, find)),
    ]


def _compare(kind: str, records: Iterable[Any], difference: Callable[[Any], str]) -> Comparison:
    found = [difference(record) for record in records]
    return Comparison(kind, found.count(""), len(found), next(filter(None, found), ""))


def _goal(numbered: tuple[int, tuple[str, str, float]], goals: list[Goal]) -> str:
    number, recorded = numbered
    if number >= len(goals):
        return f"goal {number} is missing"
    goal = goals[number]
    ours = (goal.asin, goal.instruction, goal.price_upper)
    return _differ(f"goal {number}", ours, tuple(recorded))


def _reward(record: Record, catalogue: Catalogue, nouns: NounFinder) -> str:
    product, goal = catalogue.by_asin(record["asin"]), _recorded_goal(record["goal"])
    reward = purchase_reward(product, record["price"], record["options"], goal, nouns)
    name = f"reward of {record['asin']}"
    parts = _reward_parts(reward)
    recorded = {part: record["info"].get(part) for part in parts}
    return _differ(name, reward.total, record["reward"]) or _differ(name, parts, recorded)


def _reward_parts(reward: Reward) -> dict[str, Any]:
    kind = reward.type_match
    return {
        "r_type": kind.score,
        "query_match": kind.query_match,
        "category_match": kind.category_match,
        "r_att": reward.attribute_share,
        "r_option": reward.option_share,
        "r_price": reward.price_fits,
    }


def _recorded_goal(raw: Record) -> Goal:
    options = raw["goal_options"]
    return Goal(
        asin=raw["asin"],
        category=raw.get("category", ""),
        query=raw["query"],
        name=raw["name"],
        product_category=raw["product_category"],
        instruction=raw["instruction_text"],
        attributes=tuple(raw["attributes"]),
        options=tuple(options.values() if isinstance(options, dict) else options),
        price_upper=raw["price_upper"],
    )


def _search(record: Record, catalogue: Catalogue) -> str:
    found = [product.asin for product in catalogue.search(record["query"])]
    return _differ(f"search {record['query']!r}", found, record["asins"])


def _session(record: Record, catalogue: Catalogue, goals: list[Goal], nouns: NounFinder) -> str:
    goal = goals[int(record["session"].rsplit("_", 1)[-1])]
    session = ReactSession(catalogue, goal, nouns)
    for number, step in enumerate(record["steps"]):
        action = step["action"]
        outcome = Outcome(session.start()) if action == "reset" else session.act(action)
        ours = (outcome.observation, outcome.reward, outcome.done)
        recorded = (step["observation"], step["reward"], step["done"])
        difference = _differ(f"{record['session']} step {number} {action!r}", ours, recorded)
        if difference:
            return difference
    return ""


def _differ(name: str, ours: object, recorded: object) -> str:
    return "" if ours == recorded else f"{name}: {ours!r}, recorded {recorded!r}"


def count_title_scores(golden: Record, folder: str, nouns: NounFinder) -> Comparison:
    """Title scores depend on the tagger; they matter only through the type score."""
    catalogue = load_official(folder)

    def difference(record: Record) -> str:
        product, goal = catalogue.by_asin(record["asin"]), _recorded_goal(record["goal"])
        price, options = record["price"], record["options"]
        ours = purchase_reward(product, price, options, goal, nouns).type_match.title_score
        return _differ(f"title score of {record['asin']}", ours, record["info"]["title_score"])

    return _compare("title scores", golden.get("rewards", ()), difference)


def main(arguments: list[str] | None = None) -> int:
    """Print how many goals, rewards, searches and sessions are equal; 1 if any is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("golden", type=Path, help="golden.json: what the original did")
    parser.add_argument("--catalogue", required=True, help="folder of the official files")
    chosen = parser.parse_args(arguments)
    golden = json.loads(chosen.golden.read_text(encoding="utf-8"))
    nouns = noun_finder()
    compared = compare_golden(golden, chosen.catalogue, nouns)
    means = "word lists" if nouns is approximate_nouns else "spaCy"
    titles = count_title_scores(golden, chosen.catalogue, nouns)
    lines = [*map(str, compared), f"(nouns by {means}) {titles.kind}: {titles.equal} equal"]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(one.equal < one.total for one in compared))


if __name__ == "__main__":
    sys.exit(main())
