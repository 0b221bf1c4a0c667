"""Playing by hand with the keyboard alone."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import faults_of
from webapp.episodes.models import Episode
from webapp.tasks.services import generated_set
from webapp.worlds.models import HandStep
from webapp.worlds.services.hand_play import act, begin, give_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.timeout(300)
def test_a_game_is_played_by_typing_parts_of_words_and_enter(page: Page) -> None:
    task_set = generated_set("alfworld", "valid_unseen", 1, 1)
    task = task_set.members.get().task
    page.goto(f"/worlds/tasks/{task_set.pk}/")
    page.get_by_role("button", name="Play task 1").click()
    line = page.get_by_label("Action")
    expect(line).to_be_focused()

    first, *others = task.payload["walkthrough"]
    line.fill(first[:-1])  # a part of it is enough
    expect(page.locator(".play-choices .chosen")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(line).to_have_value("")
    for number, command in enumerate([first, *others], start=1):
        page.keyboard.type(command)
        page.keyboard.press("Enter")
        expect(page.locator(".turns > li")).to_have_count(number)
        if number == 1:
            page.reload()
            expect(page.locator(".turns > li")).to_have_count(1)
            expect(line).to_be_focused()

    expect(page.get_by_text("solved", exact=True)).to_be_visible()
    assert list(HandStep.objects.values_list("action", flat=True)) == [first, *others]
    assert Episode.objects.get().success


@pytest.mark.timeout(300)
def test_without_scripts_an_action_is_pressed_or_typed(page: Page) -> None:
    context = page.context.browser.new_context(  # type: ignore[union-attr]  # it is open
        base_url=page.url.split("/experiments")[0],
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()
    task_set = generated_set("alfworld", "valid_unseen", 1, 1)
    plain.goto(f"/worlds/tasks/{task_set.pk}/")
    plain.get_by_role("button", name="Play task 1").click()

    plain.get_by_role("button", name="look", exact=True).click()
    plain.get_by_label("Action").fill("inventory")
    plain.keyboard.press("Enter")
    expect(plain.get_by_text("step 3 of")).to_be_visible()

    assert list(HandStep.objects.values_list("action", flat=True)) == ["look", "inventory"]
    context.close()


@pytest.mark.timeout(400)
def test_no_page_of_worlds_has_a_violation(page: Page, administrator: User) -> None:
    task_set = generated_set("alfworld", "valid_unseen", 2, 1)
    places = list(task_set.members.order_by("position").values_list("task", flat=True))
    open_trial, ended = (begin(administrator, task_set, task_id) for task_id in places)
    act(open_trial.pk, index=0, thought="Where am I?", action="look")
    give_up(ended.pk)
    addresses = [
        f"/worlds/tasks/{task_set.pk}/",
        f"/worlds/trials/{open_trial.pk}/",
        f"/worlds/trials/{open_trial.pk}/prompt/",
        f"/worlds/trials/{ended.pk}/",
    ]

    faults = {}
    for address in addresses:
        page.goto(address)
        if found := faults_of(page):
            faults[address] = found

    assert faults == {}
