"""What a cloud actor costs: the paper's three presets, played against the stand-in endpoint.

`python -m bench.cloud --episodes 4` prints tokens and calls an episode as counted, and what all
trials of the paper's tasks would use at most. With `--base-url`, `--model` and `--key` it plays
against a real endpoint instead.
"""

import argparse
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import mean

from bench.cloud_endpoint import RECORDED_SECONDS, Endpoint
from retro_core.actors.chat import ChatActor
from retro_core.config import PRESETS
from retro_core.envs.base import env_spec
from retro_core.llm.chat import ChatClient
from retro_core.prompts.texts import load_prompts
from retro_core.rollout import Trial, rollout
from retro_core.types import Episode, Task

KEY = "loopback"
PAPER_TASKS = {"hotpotqa": 100, "alfworld": 134, "webshop": 100}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of an environment: means of an episode."""

    environment: str
    steps: float
    invalid: float
    read: float
    written: float
    seconds: float

    def row(self) -> str:
        """One line of the table, with all trials of the paper's tasks in millions of tokens."""
        trials = PRESETS[f"paper_{self.environment}"].trials
        episodes = PAPER_TASKS[self.environment] * trials
        return (
            f"| {self.environment} | {self.steps:.1f} | {self.invalid:.1f} | {self.read:,.0f}"
            f" | {self.written:,.0f} | {self.seconds:.1f} | {episodes}"
            f" | {episodes * self.read / 1e6:.2f} + {episodes * self.written / 1e6:.2f} |"
        )


def play(environment: str, task: Task, client: ChatClient) -> Episode:
    """One first trial with the paper's settings."""
    config, prompts = PRESETS[f"paper_{environment}"], load_prompts(environment)
    actor = ChatActor(client, config.actor, prompts)
    return rollout(
        env_spec(environment).create(), actor, task, Trial(1, 0), config=config, prompts=prompts
    )


def cost(environment: str, count: int, client: ChatClient) -> Cost:
    """Play `count` episodes of the environment's own tasks."""
    spec = env_spec(environment)
    tasks = spec.generate(count=count, split=spec.splits[-1], seed=7)
    with ThreadPoolExecutor(count) as pool:
        episodes = list(pool.map(lambda task: play(environment, task, client), tasks))
    return Cost(
        environment,
        steps=mean(len(episode.steps) for episode in episodes),
        invalid=mean(sum(step.invalid for step in episode.steps) for episode in episodes),
        read=mean(sum(s.usage.prompt_tokens for s in e.steps) for e in episodes),
        written=mean(sum(s.usage.completion_tokens for s in e.steps) for e in episodes),
        seconds=mean(sum(s.usage.seconds for s in e.steps) for e in episodes),
    )


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--base-url", default="")
    parser.add_argument("--model", default="stand-in")
    parser.add_argument("--key", default=KEY)
    asked = parser.parse_args()
    endpoint = Endpoint(0, KEY, RECORDED_SECONDS)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    url = asked.base_url or f"http://127.0.0.1:{endpoint.server_port}/v1"
    client = ChatClient(url, asked.model, api_key=asked.key)
    print(
        "| environment | steps | invalid | tokens read | written | s | episodes | million in all |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for environment in PAPER_TASKS:
        print(cost(environment, asked.episodes, client).row(), flush=True)
    endpoint.shutdown()


if __name__ == "__main__":
    main()
