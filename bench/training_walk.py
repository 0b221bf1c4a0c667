"""Walks the training circle in headless Chromium, on a running studio, as a person clicks it.

`python -m bench.training_walk LINK --shots FOLDER [--collect GAMES] [--updates 2]` takes the link
that `manage.py up` prints. It collects (or takes what is there), freezes a snapshot, launches a
pipeline, promotes its PPO adapter with the probe, rolls back, tries it on a stored failure,
evaluates it beside its frozen twin, and prints the seconds of each and what the page said.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WAIT_SECONDS = 5400.0
LOOK_SECONDS = 10.0  # a look costs CPU too, which a small machine needs for training
ENDED = re.compile("done|failed|stopped|refused")


class Walk:
    """One browser page, and what happened on it."""

    def __init__(self, page: Page, shots: Path) -> None:
        self.page, self.shots = page, shots
        self._began = time.monotonic()

    def tell(self, what: str, words: str) -> None:
        """Print the seconds since the last word, and keep a picture of the page."""
        now = time.monotonic()
        seconds, self._began = round(now - self._began, 1), now
        print(json.dumps({"step": what, "seconds": seconds, "page": words}), flush=True)
        self.page.screenshot(path=self.shots / f"{what}.png", full_page=True)

    def until(self, holds: Callable[[], bool]) -> None:
        """Look at the page again and again until it holds."""
        limit = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < limit, f"it took too long at {self.page.url}"
            time.sleep(LOOK_SECONDS)
            self.page.reload()

    def text(self, selector: str) -> str:
        """The words of an element in one line."""
        return " ".join(self.page.locator(selector).first.inner_text().split())


def collect(walk: Walk, games: int) -> None:
    """Play generated games; reflections of the base model and of hindsight are rated by retries."""
    page = walk.page
    for protocol in ("tgi", "hindsight"):
        page.goto("/experiments/new/")
        page.locator("[name=name]").fill(f"walk {protocol} {time.time():.0f}")
        page.locator("[name=tasks_from][value=generate]").check()
        page.locator("[name=split]").select_option("alfworld:train")
        page.locator("[name=count]").fill(str(games))
        page.locator("[name=method][value=reflexion]").check()
        page.locator("[name=trials]").fill("2")
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        page.locator("[name=reflection__protocol]").select_option(protocol)
        page.locator("[name=start]").click()
        page.wait_for_url(re.compile(r"/experiments/\d+/$"))
        walk.until(lambda: page.locator(".status.finished").count() > 0)
        walk.tell(f"collect-{protocol}", walk.text("main"))


def freeze(walk: Walk) -> str:
    """Freeze the whole replay buffer; returns the snapshot's name."""
    page, name = walk.page, f"walk {time.time():.0f}"
    page.goto("/training/snapshots/new/")
    page.locator("[name=name]").fill(name)
    page.get_by_role("button", name="Freeze").click()
    page.wait_for_url(re.compile(r"/snapshots/\d+/$"))
    walk.tell("snapshot", walk.text("main"))
    return name


def train(walk: Walk, snapshot: str, updates: int) -> str:
    """Launch a pipeline and wait for its end; returns the address of the PPO adapter."""
    page = walk.page
    page.goto("/training/pipelines/new/")
    page.locator("[name=name]").fill(snapshot.replace(" ", "-"))
    page.locator("[name=snapshot]").select_option(label=snapshot)
    page.locator("[name=most_updates]").fill(str(updates))
    page.get_by_role("button", name="Launch pipeline").click()
    page.wait_for_url(re.compile(r"/pipelines/\d+/$"))
    for number, stage in enumerate(("sft", "reward-model", "ppo")):
        status = page.locator("#stages > li .status").nth(number)
        walk.until(lambda status=status: bool(ENDED.search(status.inner_text())))  # type: ignore[misc]
        walk.tell(f"pipeline-{stage}", walk.text(f"#stages > li:nth-child({number + 1})"))
    address = page.locator("#stages > li").nth(2).locator("a[href^='/adapters/']")
    return address.get_attribute("href") or ""


def promote(walk: Walk, adapter: str, to: str) -> None:
    """Promote with the probe."""
    page = walk.page
    page.goto(adapter)
    page.locator("[name=to]").select_option(to)
    page.locator("[name=reason]").fill("The walk.")
    page.locator("#promotion").get_by_role("button", name="Promote").click()
    page.wait_for_load_state()
    walk.until(lambda: bool(ENDED.search(walk.text("#promotion"))))
    walk.tell(f"promote-{to}", walk.text("#promotion"))


def try_it(walk: Walk, adapter: str) -> None:
    """Both reflections on the newest stored failure."""
    page = walk.page
    page.goto(adapter)
    page.locator("#try [name=reflection]").select_option(index=1)
    page.get_by_role("button", name="Write both reflections").click()
    page.wait_for_load_state()
    walk.tell("try", walk.text("#try"))


def evaluate(walk: Walk, adapter: str, games: int) -> None:
    """One click on what is proposed, but for the number of games and trials."""
    page = walk.page
    page.goto(adapter)
    page.locator("[name=count]").fill(str(games))
    page.locator("[name=trials]").fill("2")
    page.get_by_role("button", name="Start both experiments").click()
    page.wait_for_url(re.compile(f"{adapter}$"))
    card = "section[aria-label=Evaluation]"
    walk.until(lambda: walk.text(card).count("(finished)") == 2)
    walk.tell("evaluate", walk.text(card))


def roll_back(walk: Walk) -> None:
    """From the list of adapters, in one click."""
    page = walk.page
    page.goto("/adapters/")
    page.get_by_role("button", name=re.compile("Roll back")).click()
    page.wait_for_url(re.compile(r"/adapters/\d+/$"))
    walk.until(lambda: bool(ENDED.search(walk.text("#promotion"))))
    walk.tell("roll-back", walk.text("#promotion"))


def main() -> None:
    """Walk the whole circle, or from a snapshot or an adapter on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", help="the one-time link of a running studio")
    parser.add_argument("--shots", type=Path, required=True, help="folder for pictures")
    parser.add_argument("--collect", type=int, default=0, help="games to collect first")
    parser.add_argument("--updates", type=int, default=2, help="most updates of a stage")
    parser.add_argument("--games", type=int, default=2, help="games of the evaluation")
    parser.add_argument("--adapter", default="", help="go on from /adapters/N/")
    arguments = parser.parse_args()
    arguments.shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        base = "/".join(arguments.link.split("/")[:3])
        page = browser.new_context(base_url=base, reduced_motion="reduce").new_page()
        page.set_default_timeout(300_000)
        page.route("**/plotly.min.js", lambda route: route.abort())  # half the cost of a page
        page.goto(arguments.link)
        page.wait_for_url("**/experiments/**")
        walk = Walk(page, arguments.shots)
        _walk(walk, arguments)
        browser.close()


def _walk(walk: Walk, asked: argparse.Namespace) -> None:
    if asked.collect:
        collect(walk, asked.collect)
    adapter: str = asked.adapter or train(walk, freeze(walk), asked.updates)
    for stage in ("staging", "production"):
        promote(walk, adapter, stage)
    roll_back(walk)
    try_it(walk, adapter)
    evaluate(walk, adapter, asked.games)


if __name__ == "__main__":
    main()
