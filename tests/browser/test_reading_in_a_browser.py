"""Reading episodes and trials by keys, and permanent links under filters."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import faults_of
from tests.webapp.played import episode, new_experiment, play, played_experiment
from webapp.episodes.models import Episode
from webapp.episodes.services import record_episode

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def walked() -> Episode:
    """120 steps, every tenth without effect, a ghost in 7 and 90."""
    row = new_experiment("long doors").experiment_tasks.select_related("task").get(position=0)
    whole = episode(row.task.key, 1, 0.0, steps=1)
    step = replace(whole.steps[0], prompt_sha256="", invalid=False)
    steps = [
        replace(
            step,
            action=f"go to door {number}",
            observation="A ghost!" if number in (7, 90) else "A wall.",
            invalid=number % 10 == 0,
        )
        for number in range(1, 121)
    ]
    record_episode(row, replace(whole, steps=tuple(steps)))
    return Episode.objects.get(experiment=row.experiment)


def test_found_steps_are_reached_by_n_in_whichever_window(page: Page) -> None:
    path = f"/episodes/{walked().pk}/"
    page.goto(path)

    page.keyboard.press("/")
    page.keyboard.type("ghost")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=ghost")
    page.keyboard.press("n")
    expect(page.locator("#step-7")).to_have_class("step current")
    page.keyboard.press("n")

    page.wait_for_url("**from=50#step-90")
    expect(page.locator("#step-90")).to_have_class("step current")
    page.keyboard.press("N")
    page.wait_for_url("**from=0#step-7")


def test_a_permanent_link_survives_a_filter(page: Page) -> None:
    path = f"/episodes/{walked().pk}/"

    page.goto(f"{path}#step-97")
    page.wait_for_url("**from=50#step-97")
    page.goto(f"{path}?show=errors#step-97")

    # Step 97 is no error: the filter keeps it.
    expect(page.locator("#step-97")).to_have_class("step current")
    expect(page.locator("#step-100")).to_be_visible()
    expect(page.locator("#step-98")).to_have_count(0)
    page.get_by_role("link", name="All", exact=True).click()
    page.wait_for_url("**from=50#step-97")
    expect(page.locator("#step-98")).to_be_visible()


def test_a_note_is_written_at_its_step_by_keys(page: Page) -> None:
    page.goto(f"/episodes/{walked().pk}/#step-3")

    page.keyboard.press("c")
    page.locator("#notes-3 textarea").fill("A dead end.")
    page.locator("#notes-3").get_by_role("button", name="Comment").click()

    page.wait_for_url("**#step-3")
    expect(page.locator("#step-3 .step-notes")).to_contain_text("A dead end.")
    assert faults_of(page) == []


def test_pairs_of_trials_and_their_parting_are_reached_by_keys(page: Page) -> None:
    experiment = new_experiment("three trials")
    row = experiment.experiment_tasks.select_related("task").get(position=0)
    play(row, [0.0, 0.25, 0.5])
    record_episode(row, episode(row.task.key, 4, 0.0, steps=4))
    page.goto(f"/experiments/{experiment.pk}/tasks/{row.task_id}/")

    page.keyboard.press("]")
    page.wait_for_url("**from=2&to=3")
    page.keyboard.press("]")
    page.wait_for_url("**from=3&to=4")
    page.keyboard.press("d")

    page.wait_for_url("**#pair-3")
    expect(page.locator("#pair-3")).to_be_in_viewport()
    page.keyboard.press("[")
    page.wait_for_url("**from=2&to=3")
    assert faults_of(page) == []


def test_the_atlas_and_the_lists_have_no_violation(page: Page) -> None:
    experiment = played_experiment("played doors")
    faults = {}

    for path in [
        "/atlas/",
        f"/atlas/?experiment={experiment.pk}",
        "/episodes/?kind=invalid&sort=worst",
        f"/reflections/?experiment={experiment.pk}&sort=worst",
        f"/episodes/{Episode.objects.get(task__key='doors-1', trial=1).pk}/?q=wall",
    ]:
        page.goto(path)
        if found := faults_of(page):
            faults[path] = found

    assert faults == {}
