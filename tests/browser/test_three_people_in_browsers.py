"""Three browsers work one queue of real reflections; lines break and the web server is killed.

Afterwards every label is there once, and all that follows from the labels is worked out anew.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from playwright.sync_api import expect

from retro_core.serving.base_model import ensure_base_model
from tests.browser.annotators import Annotator, Label, label_at_random
from tests.browser.conftest import ARGUMENTS, PASSWORD, WAIT_MS, chromium_program
from tests.browser.rating_checks import (
    OVERLAP,
    check_labels,
    effective_by_hand,
    interval_alpha,
    overfull,
    valued,
)
from tests.browser.web_server import WebServer
from tests.lm_server import MODELS_DIR
from tests.studio_process import free_port
from tests.workers.training_rows import tiny_base
from webapp.annotation.models import Queue, Response, Retraining
from webapp.annotation.services import answers
from webapp.annotation.services.answers import Answer
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.annotation.services.retraining import compare_finished
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Reflection
from workers.measuring import measure
from workers.training import train

if TYPE_CHECKING:
    from playwright.async_api import Browser as AsyncBrowser
    from playwright.sync_api import Browser, Page

LOG = Path(__file__).resolve().parents[2] / "../shared/data/real_logs/hotpotqa_reflexion.jsonl"
PEOPLE = ["ann", "ben", "cleo"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
]


@pytest.fixture
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The embedded base model for all 311 reflections, else one of 15 words."""
    if "311" in request.node.name:
        return ensure_base_model(MODELS_DIR)
    return tiny_base(tmp_path / "tiny")


@pytest.fixture
def web_server(base: Path, settings) -> Iterator[WebServer]:  # of pytest-django, untyped
    settings.PORT = free_port()
    settings.REFLECTOR_BASE_FOLDER = str(base)
    known = {"REFLECTOR_BASE_FOLDER": str(base), "OMP_NUM_THREADS": "1"}
    settings.CHILD_ENVIRONMENT = settings.CHILD_ENVIRONMENT | known
    call_command("collectstatic", verbosity=0, interactive=False)
    server = WebServer()
    yield server
    server.stop()


@pytest.fixture
def lead(chromium: "Browser", web_server: WebServer, administrator: User) -> "Iterator[Page]":
    """The administrator's browser."""
    context = chromium.new_context(base_url=web_server.address)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(administrator.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/experiments/")
    yield page
    context.close()


def annotators() -> None:
    """Three people who may annotate and no more."""
    group, _ = Group.objects.get_or_create(name="annotator")
    names = ["view_experiment", "view_queue", "view_guidelines", "add_response", "add_comment"]
    group.permissions.set(Permission.objects.filter(codename__in=names))
    for name in PEOPLE:
        User.objects.create_user(name, password=PASSWORD).groups.add(group)


def real_queue(owner: User, size: int) -> Queue:
    """A queue of the recorded run's 311 reflections, or of as many as wanted."""
    if not LOG.exists():
        pytest.skip("the recorded logs (shared/data/real_logs) are not on this machine")
    with LOG.open("rb") as lines:
        import_episodes(lines, source=LOG.name)
    assert Reflection.objects.count() == 311
    terms = Terms("HotPotQA", overlap=OVERLAP, seed=1)
    return make_queue(owner, terms, Selection([], size=size), "Judge the *plan*.")


async def sign_in(browser: "AsyncBrowser", address: str, queue: Queue, name: str) -> Annotator:
    context = await browser.new_context(base_url=address, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    await page.goto("/sign-in/")
    await page.get_by_label("Username").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/experiments/")
    wanted = OVERLAP * queue.selection["size"]
    return Annotator(name, context, page, queue.pk, wanted, random.Random(name))


async def everybody(address: str, queue: Queue, people: list[Annotator]) -> None:
    """All three at once, until the queue has every answer."""
    from playwright.async_api import async_playwright

    program = chromium_program()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        people += [await sign_in(browser, address, queue, name) for name in PEOPLE]
        await asyncio.gather(*(person.work() for person in people))
        await browser.close()


def work_together(server: WebServer, queue: Queue) -> list[Annotator]:
    """Have the queue worked; kill the web server when half of the labels are in."""
    people: list[Annotator] = []
    half = OVERLAP * queue.selection["size"] // 2
    with ThreadPoolExecutor(1) as thread:
        work = thread.submit(asyncio.run, everybody(server.address, queue, people))
        while not work.done():
            assert overfull() == []
            if not server.kills and Response.objects.count() >= half:
                server.kill()
            time.sleep(0.3)
        work.result()
    return people


def check_agreement(lead: "Page", queue: Queue, values: dict[int, list[float]]) -> str:
    """The page shows the alpha that is worked out here."""
    alpha = f"{interval_alpha(values.values()):.2f}".replace("-", "\N{MINUS SIGN}")
    lead.goto(f"/annotation/queues/{queue.pk}/agreement/")
    shown = lead.locator("dl.stats div", has_text="Alpha, interval").locator("dd").first
    expect(shown).to_have_text(re.compile(rf"^{re.escape(alpha)}\d*$"))
    return shown.inner_text()


def retrain(lead: "Page", queue: Queue) -> Retraining:
    """Freeze and train through the page; the worker's part runs here."""
    lead.goto(f"/annotation/queues/{queue.pk}/")
    lead.get_by_text("Retrain the reward model").click()
    lead.get_by_label("Name of the snapshot").fill("three people")
    lead.get_by_role("spinbutton", name="Steps").fill("2")
    lead.get_by_role("button", name="Freeze and train").click()
    lead.wait_for_url("**/retrainings/**")
    made = Retraining.objects.get()
    train(made.run_id)
    for measurement in compare_finished():
        measure(measurement)
    return made


def check_snapshot(made: Retraining, effective: dict[int, float]) -> None:
    """It holds exactly the effective ratings; texts that came twice to one prompt count once."""
    stored = dict(made.snapshot.items.values_list("reflection", "rating"))
    left_out = effective.keys() - stored.keys()
    assert stored == {pk: rating for pk, rating in effective.items() if pk not in left_out}
    texts = Reflection.objects.filter(pk__in=left_out)
    kept = set(Reflection.objects.filter(pk__in=stored).values_list("prompt", "text"))
    assert all(pair in kept for pair in texts.values_list("prompt", "text"))


def check_page(lead: "Page", made: Retraining) -> dict[str, str]:
    """The page of the retrained model says what people changed, and how the model fares."""
    pairs = made.snapshot.items.exclude(automatic_rating=None)
    rows = list(pairs.values_list("automatic_rating", "rating"))
    changed = sum(before != after for before, after in rows)
    flipped = sum((before > 0) != (after > 0) for before, after in rows)
    lead.goto(f"/annotation/retrainings/{made.pk}/")
    facts = lead.locator("dl.stats")
    expect(facts.locator("div", has_text="Changed").locator("dd").first).to_have_text(str(changed))
    flips = facts.locator("div", has_text="Sign flipped").locator("dd").first
    expect(flips).to_have_text(str(flipped))
    expect(lead.get_by_role("heading", name="Largest changes")).to_be_visible()
    expect(lead.get_by_role("heading", name="Held-out ROC-AUC")).to_be_visible()
    auc = lead.locator("tr", has_text="Reward model after").inner_text()
    return {"changed": str(changed), "flipped": str(flipped), "auc": " ".join(auc.split())}


def whole_story(server: WebServer, lead: "Page", size: int) -> None:
    """Labels, agreement, snapshot, retraining; the figures go to the output."""
    annotators()
    queue = real_queue(User.objects.get(username="admin"), size)
    began = time.monotonic()
    people = work_together(server, queue)
    seconds = time.monotonic() - began
    values = valued(queue, check_labels(queue, people))
    mishaps = sum((person.counts for person in people), Counter())
    figures = {
        "labels": sum(len(person.sent) for person in people),
        "seconds": round(seconds),
        "kills": server.kills,
        "mishaps": mishaps,
        **what_follows(lead, queue, values),
    }
    print(json.dumps(figures))  # noqa: T201  # what docs/web_speed.md cites


def what_follows(lead: "Page", queue: Queue, values: dict[int, list[float]]) -> dict[str, object]:
    """Agreement, snapshot and the retrained model's page, each beside what is worked out here."""
    alpha = check_agreement(lead, queue, values)
    made = retrain(lead, queue)
    made.run.refresh_from_db()
    assert (made.run.status, made.run.reason) == ("done", "")
    check_snapshot(made, effective_by_hand(values))
    return {"alpha": alpha, "snapshot": made.snapshot.items_count, **check_page(lead, made)}


def answer_all(queue: Queue) -> dict[int, list[tuple[str, Label]]]:
    """Two of the three people answer each item, at random and without a browser."""
    rng, given = random.Random(1), {}
    people = list(User.objects.filter(username__in=PEOPLE).order_by("pk"))
    for item in queue.items.select_related("reflection"):
        may_accept = item.reflection.automatic_rating is not None
        labels = [label_at_random(rng, may_accept) for _ in range(OVERLAP)]
        chosen = rng.sample(people, OVERLAP)
        given[item.pk] = [(p.username, label) for p, label in zip(chosen, labels, strict=True)]
        for person, (kind, value) in zip(chosen, labels, strict=True):
            answer = Answer(kind, value, None, {}, [], [], "")
            answers.submit(item.pk, person, answer, answers.submission_key(item.pk, person.pk))
    return given


@pytest.mark.slow
@pytest.mark.timeout(1800)  # about a minute alone; many tests share few cores
def test_three_people_lose_nothing_and_the_reward_model_learns_what_they_said(
    web_server: WebServer, lead: "Page"
) -> None:
    whole_story(web_server, lead, size=10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_all_the_labelled_reflections_teach_is_told_by_the_retrained_models_page(
    web_server: WebServer, lead: "Page"
) -> None:
    annotators()
    queue = real_queue(User.objects.get(username="admin"), 311)

    values = valued(queue, answer_all(queue))

    print(json.dumps(what_follows(lead, queue, values)))  # noqa: T201  # as above


@pytest.mark.slow
@pytest.mark.timeout(14400)  # some 25 CPU minutes, four fifths of them browsers and web server
def test_three_people_rate_all_311_real_reflections(web_server: WebServer, lead: "Page") -> None:
    whole_story(web_server, lead, size=311)
