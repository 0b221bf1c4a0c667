"""Annotating by keys alone: answer, reveal, submit, undo; and nothing lost between two tabs."""

import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Error, expect

from tests.browser.conftest import WAIT_MS
from tests.webapp.annotated import reflections
from webapp.annotation.models import Draft, Queue, Response
from webapp.annotation.services.making import Selection, Terms, make_queue

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(administrator: User) -> Queue:
    rows = reflections(3)
    wanted = Selection([rows[0].experiment_id], size=3)
    return make_queue(administrator, Terms("doors queue"), wanted, "Be fair.")


@pytest.fixture
def item(page: "Page", queue: Queue) -> "Page":
    """The page with the first item open."""
    page.goto(f"/annotation/queues/{queue.pk}/")
    page.get_by_role("button", name="Annotate").click()
    page.wait_for_url("**/items/**")
    return page


def test_an_item_is_answered_by_keys_alone_and_taken_back(item: "Page") -> None:
    expect(item.locator("#outcome")).to_contain_text("Hidden until your first answer")

    for key in "5cq":
        item.keyboard.press(key)
    expect(item.locator("#saved")).to_have_text("Draft saved")
    expect(item.locator("#outcome")).to_contain_text("open blue")
    first = item.url
    item.keyboard.press("Control+Enter")
    item.wait_for_url(re.compile("undo="))

    response = Response.objects.get()
    assert (response.kind, response.value, response.confidence) == ("override", 1.0, 1)
    assert response.rubric == {"root_cause": "yes"}

    item.keyboard.press("z")
    item.wait_for_url(first)
    assert not Response.objects.current().exists()
    expect(item.get_by_label("Override")).to_be_checked()


def test_an_undo_that_runs_out_moves_nothing_on_the_page(item: "Page") -> None:
    item.keyboard.press("u")
    item.keyboard.press("Control+Enter")
    item.wait_for_url(re.compile("undo="))
    undo, form = item.locator("[data-undo]"), item.locator("#answer")
    expect(undo).to_contain_text("Submitted: unsure")
    with_undo = form.bounding_box()

    expect(undo).to_have_count(0, timeout=WAIT_MS)  # ten seconds later

    assert form.bounding_box() == with_undo


def test_once_it_is_shown_a_key_leads_to_the_next_trial(item: "Page") -> None:
    link = item.get_by_role("link", name=re.compile("What happened next"))
    expect(link).to_be_hidden()
    item.set_viewport_size({"width": 1280, "height": 300})

    item.keyboard.press("5")
    expect(link).to_be_visible()
    item.keyboard.press("n")

    expect(item.locator("#outcome-title")).to_be_in_viewport()
    expect(item.locator("#reflection-text")).to_be_in_viewport()


def test_the_keys_sleep_while_a_note_is_written(item: "Page") -> None:
    item.keyboard.press("m")
    item.keyboard.type("aoud 12345 z s ?")
    item.keyboard.press("Escape")

    expect(item.locator("#saved")).to_have_text("Draft saved")
    draft = Draft.objects.get()
    assert (draft.body["note"], draft.body["kind"]) == ("aoud 12345 z s ?", "")


def test_a_stale_tab_gets_a_banner_and_overwrites_nothing(item: "Page") -> None:
    stale = item.context.new_page()
    stale.goto(item.url)
    item.keyboard.press("u")
    expect(item.locator("#saved")).to_have_text("Draft saved")

    stale.keyboard.press("d")

    expect(stale.locator("#conflict")).to_be_visible()
    assert Draft.objects.get().body["kind"] == "unsure"

    stale.get_by_role("button", name="Keep what is here").click()
    expect(stale.locator("#saved")).to_have_text("Draft saved")
    assert Draft.objects.get().body["kind"] == "discard"


def test_what_was_typed_without_a_connection_is_there_when_the_page_opens_again(
    item: "Page",
) -> None:
    item.route("**/draft/", lambda route: route.abort())
    item.keyboard.press("u")
    expect(item.locator("#saved")).to_contain_text("Not saved yet")
    item.unroute("**/draft/")

    item.goto(item.url)

    expect(item.get_by_label("Unsure")).to_be_checked()
    expect(item.locator("#saved")).to_have_text("Draft saved")


def test_an_answer_that_was_submitted_into_the_void_is_there_again(item: "Page") -> None:
    address = item.url
    item.route("**/draft/", lambda route: route.abort())
    item.route("**/submit/", lambda route: route.abort())
    item.keyboard.press("5")
    with pytest.raises(Error, match="ERR_FAILED"), item.expect_navigation():
        item.keyboard.press("Control+Enter")
    item.wait_for_url("chrome-error://**", wait_until="commit")
    item.unroute("**/draft/")
    item.unroute("**/submit/")

    item.goto(address)

    expect(item.get_by_label("Override")).to_be_checked()
    expect(item.get_by_label("Value")).to_have_value("1")
    item.keyboard.press("Control+Enter")
    item.wait_for_url(re.compile("undo="))
    assert Response.objects.get().value == 1.0
    assert item.evaluate("Object.keys(localStorage).filter((name) => /^draft/.test(name))") == []


def test_without_a_connection_an_answer_waits_on_its_page(item: "Page") -> None:
    address = item.url
    item.keyboard.press("u")
    expect(item.locator("#saved")).to_have_text("Draft saved")
    item.context.set_offline(True)

    item.keyboard.press("Control+Enter")

    expect(item.locator("#saved")).to_have_text("Not submitted: no connection")
    assert item.url == address
    item.context.set_offline(False)
    item.keyboard.press("Control+Enter")
    item.wait_for_url(re.compile("undo="))
    assert Response.objects.get().kind == "unsure"


def test_words_are_highlighted_by_key_and_counted_in_characters(item: "Page") -> None:
    item.evaluate("""() => {
        const text = document.getElementById("reflection-text").firstChild;
        getSelection().setBaseAndExtent(text, 4, text, 12);
    }""")

    item.keyboard.press("h")

    expect(item.locator("mark.good")).to_have_text("red door")
    expect(item.locator("#saved")).to_have_text("Draft saved")
    assert Draft.objects.get().body["spans"] == [{"start": 4, "end": 12, "label": "good"}]
