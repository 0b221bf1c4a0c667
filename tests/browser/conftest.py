"""Headless Chromium over the live server, signed in as an administrator."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

LOOKUP = Path(__file__).resolve().parents[2] / ".ci" / "chromium.sh"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS = 60_000  # many tests share few cores
PASSWORD = "behind the green door"


def chromium_program() -> str:
    """Where `make browser` finds Chromium; empty where there is none."""
    found = subprocess.run([LOOKUP, "find"], stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip()


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """One browser for all tests; they are skipped where there is none, and fail in CI."""
    program = chromium_program()
    if not program:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip  # noqa: TID251
        give_up("Chromium is missing: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    # Playwright keeps an event loop in this thread, and Django would refuse the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # noqa: TID251
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def administrator(transactional_db: None) -> User:
    return User.objects.create_superuser("admin", password=PASSWORD)


@pytest.fixture
def page(chromium: "Browser", live_server: "LiveServer", administrator: User) -> Iterator["Page"]:
    """A page signed in through the form."""
    context = chromium.new_context(
        base_url=live_server.url,
        viewport={"width": 1280, "height": 860},
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    # Half the cost of a page is the chart library; the test that looks at a chart lets it in.
    context.route("**/plotly.min.js", lambda route: route.abort())
    opened = context.new_page()
    opened.goto("/sign-in/")
    opened.get_by_label("Username").fill(administrator.username)
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Sign in").click()
    opened.wait_for_url("**/experiments/")
    yield opened
    context.close()
