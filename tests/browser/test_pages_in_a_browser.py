"""What a person does: sign in, start an experiment, follow it, walk through episodes by keys."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.webapp.played import long_episode, new_experiment, play, played_experiment
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment, ExperimentTask

expect.set_options(timeout=30_000)  # many tests share few cores
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def first_row(experiment: Experiment) -> ExperimentTask:
    return experiment.experiment_tasks.select_related("task").get(position=0)


def test_a_new_experiment_is_made_from_the_list(page: Page) -> None:
    new_experiment("first doors")
    page.reload()

    page.get_by_role("link", name="New experiment").click()
    page.get_by_label("Name").fill("second doors")
    page.get_by_text("resample").click()
    page.get_by_role("button", name="Save as draft").click()

    expect(page.get_by_role("heading", name="second doors")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    assert Experiment.objects.get(name="second doors").method == "resample"


def test_the_source_of_tasks_shows_only_its_own_fields(page: Page) -> None:
    new_experiment()
    page.goto("/experiments/new/")

    expect(page.get_by_label("Number of tasks")).to_be_hidden()
    page.get_by_text("New tasks", exact=True).click()

    expect(page.get_by_label("Number of tasks")).to_be_visible()
    expect(page.get_by_label("Task set", exact=True)).to_be_hidden()


def test_keys_lead_from_the_matrix_through_the_steps_to_the_next_trial(page: Page) -> None:
    page.goto(f"/experiments/{played_experiment().pk}/")
    page.locator("[data-matrix] a.cell").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Trial 1")).to_be_visible()
    page.wait_for_load_state()  # until then nothing listens to keys

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#step-2")).to_have_class("step current")
    assert page.url.endswith("#step-2")
    page.keyboard.press("k")
    expect(page.locator("#step-1")).to_have_class("step current")
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="Trial 2")).to_be_visible()


def test_the_prompt_of_a_step_opens_and_closes_in_place(page: Page) -> None:
    played_experiment()
    page.goto(f"/episodes/{Episode.objects.get(task__key='doors-1', trial=1).pk}/#step-2")

    page.keyboard.press("p")
    expect(page.locator("#sent-2")).to_contain_text("equals the digest")
    page.keyboard.press("p")

    expect(page.locator("#sent-2")).to_be_empty()


def test_a_permanent_link_opens_the_window_that_holds_its_step(page: Page) -> None:
    long_episode(first_row(new_experiment()), steps=120)
    page.goto(f"/episodes/{Episode.objects.get().pk}/#step-77")

    expect(page.locator("#step-77")).to_be_in_viewport()
    expect(page.locator("#step-77")).to_have_class("step current")


def test_scrolling_loads_the_steps_that_follow(page: Page) -> None:
    long_episode(first_row(new_experiment()), steps=60)
    page.goto(f"/episodes/{Episode.objects.get().pk}/")

    page.locator("#more-50").scroll_into_view_if_needed()

    expect(page.locator("#step-60")).to_be_attached()


def test_the_question_mark_lists_the_keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to experiments")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.keyboard.press("g")
    page.keyboard.press("t")

    page.wait_for_url("**/task-sets/")


def test_the_curve_is_drawn_and_the_theme_kept_recolours_it(page: Page) -> None:
    page.context.unroute("**/plotly.min.js")
    page.goto(f"/experiments/{played_experiment().pk}/", wait_until="domcontentloaded")
    line = page.locator("[data-figure=success] .js-line").last
    light = line.evaluate("node => getComputedStyle(node).stroke")

    page.get_by_role("button", name="Change between light and dark").click()
    dark = line.evaluate("node => getComputedStyle(node).stroke")
    page.reload(wait_until="domcontentloaded")

    assert (light, dark) == ("rgb(0, 102, 179)", "rgb(108, 180, 245)")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_live_page_follows_without_a_reload_and_then_stops(page: Page) -> None:
    experiment = new_experiment()
    Experiment.objects.update(status=Experiment.Status.RUNNING)
    ExperimentTask.objects.filter(position=0).update(
        live_trial=1, live_step=1, lease_expires_at=timezone.now() + timedelta(minutes=5)
    )
    page.goto(f"/experiments/{experiment.pk}/")
    expect(page.locator("#live")).to_contain_text("trial 1, step 1")

    play(first_row(experiment), [1.0])
    Experiment.objects.update(status=Experiment.Status.FINISHED)

    expect(page.locator("#live .status")).to_have_text("finished")
    expect(page.locator("#matrix a.cell.solved")).to_have_count(1)
    expect(page.locator("#curve-numbers")).to_be_attached()
    assert page.locator("#live").get_attribute("hx-trigger") is None


def test_everything_is_reached_without_javascript(
    page: Page, chromium: Browser, live_server: LiveServer
) -> None:
    played_experiment()
    context = chromium.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()
    plain.goto("/experiments/?q=doors")

    plain.get_by_role("link", name="doors", exact=True).click()
    plain.locator("[data-matrix] a.cell").first.click()
    plain.get_by_role("link", name="Prompt sent for step 2").click()

    expect(plain.get_by_text("equals the digest")).to_be_visible()
    context.close()
