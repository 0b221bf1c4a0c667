"""One answer for many in a browser: choose, preview, think again, apply, undo."""

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests.webapp.annotated import reflections
from webapp.annotation.models import Queue, Response
from webapp.annotation.services.making import Selection, Terms, make_queue

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(administrator: User) -> Queue:
    rows = reflections(12)
    wanted = Selection([rows[0].experiment_id], size=12)
    return make_queue(administrator, Terms("doors queue"), wanted, "Be fair.")


def test_many_are_answered_at_once_after_a_preview_and_taken_back(
    page: "Page", queue: Queue
) -> None:
    page.goto(f"/annotation/queues/{queue.pk}/bulk/")
    expect(page.get_by_role("heading", name="0 of 12 chosen")).to_be_visible()

    page.get_by_role("button", name="Choose all").click()
    page.get_by_role("checkbox").first.uncheck()
    expect(page.get_by_role("heading", name="11 of 12 chosen")).to_be_visible()
    page.get_by_label("Answer").select_option("override")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Give the value that is right.")).to_be_visible()
    expect(page.get_by_role("heading", name="11 of 12 chosen")).to_be_visible()

    page.get_by_label("Value").fill("0.5")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview: 11 items")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name="11 of 12 chosen")).to_be_visible()
    assert not Response.objects.exists()

    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Apply to 11 items").click()
    expect(page.get_by_role("heading", name="11 items answered at once")).to_be_visible()
    assert set(Response.objects.current().values_list("value", flat=True)) == {0.5}
    page.get_by_role("button", name="Undo all 11").click()
    expect(page.get_by_text("11 answers taken back.")).to_be_visible()
    assert not Response.objects.current().exclude(kind="withdrawn").exists()
