"""A session that ends while pages are open: nothing typed is lost, and the old pages go on."""

import re
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, WAIT_MS
from tests.webapp.annotated import reflections
from tests.webapp.played import new_experiment
from webapp.annotation.models import Response
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.experiments.models import Experiment
from webapp.reports.models import Report

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
]


def end_session(page: "Page") -> None:
    page.context.clear_cookies(name="sessionid")


def sign_in(page: "Page") -> None:
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in/" not in address)


def sign_in_elsewhere(page: "Page") -> None:
    other = page.context.new_page()
    other.goto("/sign-in/")
    sign_in(other)
    page.bring_to_front()


def test_an_answer_goes_on_where_it_was_after_signing_in_in_another_tab(
    page: "Page", administrator: User
) -> None:
    rows = reflections(2)
    wanted = Selection([rows[0].experiment_id], size=2)
    queue = make_queue(administrator, Terms("doors queue"), wanted, "Be fair.")
    page.goto(f"/annotation/queues/{queue.pk}/")
    page.get_by_role("button", name="Annotate").click()
    page.wait_for_url("**/items/**")
    saved = page.locator("#saved")
    end_session(page)
    page.keyboard.press("u")
    expect(saved).to_contain_text("sign in again in another tab", timeout=WAIT_MS)

    sign_in_elsewhere(page)
    page.get_by_label("Note").fill("typed before and after")
    expect(saved).to_have_text("Draft saved", timeout=WAIT_MS)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("undo="))

    response = Response.objects.get()
    assert (response.kind, response.note) == ("unsure", "typed before and after")


def test_a_report_is_shown_and_saved_from_the_old_page(page: "Page") -> None:
    page.goto("/reports/new/")
    page.get_by_label("Title").fill("Doors")
    page.get_by_label("Text").fill("Red is wrong.")
    end_session(page)
    sign_in_elsewhere(page)

    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Red is wrong.", timeout=WAIT_MS)
    page.get_by_role("button", name="Save a version").click()
    page.wait_for_url(re.compile(r"/reports/\d+/$"))

    assert Report.objects.get().title == "Doors"


def test_a_page_that_asks_for_news_says_that_it_is_signed_out_and_goes_on(page: "Page") -> None:
    experiment = new_experiment("live doors")
    Experiment.objects.filter(pk=experiment.pk).update(status=Experiment.Status.RUNNING)
    address = f"/experiments/{experiment.pk}/"
    page.goto(address)
    notice = page.get_by_text("You are signed out")
    expect(notice).to_be_hidden()

    end_session(page)
    expect(notice).to_be_visible(timeout=WAIT_MS)
    sign_in_elsewhere(page)
    expect(notice).to_be_hidden(timeout=WAIT_MS)

    assert page.url.endswith(address)
