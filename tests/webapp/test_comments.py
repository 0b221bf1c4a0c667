"""Discussions of reflections, steps and experiments, and who is told."""

import pytest
from django.test import Client

from tests.webapp.annotated import HUGE, person, queue_of, reflections, signed_in
from tests.webapp.pages import text
from webapp.annotation.models import Comment
from webapp.annotation.services import comments
from webapp.episodes.models import Reflection, Step
from webapp.notifications.models import Notification
from webapp.notifications.services import unread_count

pytestmark = pytest.mark.django_db


@pytest.fixture
def reflection() -> Reflection:
    return reflections(1)[0]


def told(name: str) -> list[str]:
    rows = Notification.objects.filter(person=person(name)).order_by("pk")
    return list(rows.values_list("words", flat=True))


def test_a_mention_tells_the_person_and_not_the_author(reflection: Reflection) -> None:
    ann, bob = person("ann"), person("bob")

    comments.add(reflection, ann, "What do you think, @bob? I (@ann) am lost.")

    assert told("bob") == ["ann mentioned you on the reflection on doors-0, trial 1"]
    assert told("ann") == []
    assert unread_count(bob.pk) == 1


def test_names_that_are_nobody_or_may_not_read_are_told_nothing(reflection: Reflection) -> None:
    person("mallory", "")

    comment = comments.add(reflection, person("ann"), "@mallory @nobody mail@ann.example @bob.")

    assert comment.mentions == []
    assert Notification.objects.count() == 0


def test_a_full_stop_ends_a_name(reflection: Reflection) -> None:
    person("bob")

    comment = comments.add(reflection, person("ann"), "Ask @bob.")

    assert comment.mentions == ["bob"]


def test_whoever_took_part_hears_of_the_next_word_once(reflection: Reflection) -> None:
    ann, bob = person("ann"), person("bob")
    comments.add(reflection, ann, "Wrong cause.")
    comments.add(reflection, ann, "And no plan.")

    comments.add(reflection, bob, "I agree, @ann")
    comments.add(reflection, bob, "More.")

    where = "the reflection on doors-0, trial 1"
    assert told("ann") == [f"bob mentioned you on {where}", f"bob commented on {where} after you"]


@pytest.mark.parametrize("kind", ["step", "experiment"])
def test_steps_and_experiments_have_a_discussion_page(kind: str, reflection: Reflection) -> None:
    step = reflection.episode.steps.get(index=1)
    target = step if kind == "step" else reflection.experiment
    page = f"/annotation/discussions/{kind}/{target.pk}/"
    ann = signed_in(person("ann"))

    added = ann.post(f"{page}add/", {"text": "<i>Why</i> red, @lea?"})
    person("lea", "researcher")

    assert added["Location"] == comments.address_of(target)
    assert "&lt;i&gt;Why&lt;/i&gt; red" in text(ann.get(page))
    assert comments.of(target).count() == 1


def test_a_comment_on_a_step_leads_to_the_steps_place_wherever_it_is_told(
    reflection: Reflection,
) -> None:
    episode = reflection.episode
    step = Step.objects.create(episode=episode, index=60, action="look", observation="A wall.")
    ann, bob = signed_in(person("ann")), signed_in(person("bob"))
    place = f"/episodes/{episode.pk}/?from=50#step-61"

    added = ann.post(f"/annotation/discussions/step/{step.pk}/add/", {"text": "Why, @bob?"})
    opened = bob.post(f"/notifications/{Notification.objects.get().pk}/open/")

    assert (added["Location"], opened["Location"]) == (place, place)
    assert f'href="{place}"' in text(bob.get(f"/annotation/discussions/step/{step.pk}/"))
    assert f'href="{place}"' in text(bob.get(f"/episodes/{episode.pk}/steps/61/"))
    assert f'href="{place}"' in text(bob.get("/search/?q=why&scope=comments"))
    assert 'href="?from=50#step-61" title="Link to this step"' in text(
        bob.get(f"/episodes/{episode.pk}/?from=50")
    )


def test_the_list_opens_where_it_happened_and_counts_what_is_unread(
    reflection: Reflection,
) -> None:
    bob = signed_in(person("bob"))
    comments.add(reflection, person("ann"), "@bob look")
    comments.add(reflection, person("ann"), "@bob again")
    newest = Notification.objects.order_by("-pk")[0]

    opened = bob.post(f"/notifications/{newest.pk}/open/")

    assert opened["Location"] == f"/annotation/reflections/{reflection.pk}/"
    assert ">1<" in text(bob.get("/notifications/unread/"))
    bob.post("/notifications/read/")
    assert text(bob.get("/notifications/unread/")) == ""
    assert text(bob.get("/notifications/")).count("mentioned you") == 2


def test_nobody_reads_or_marks_what_another_was_told(reflection: Reflection) -> None:
    comments.add(reflection, person("ann"), "@bob look")
    person("bob")
    comments.add(reflection, person("ann"), "@bob look")
    row = Notification.objects.get()
    eve = signed_in(person("eve"))

    assert "mentioned" not in text(eve.get("/notifications/"))
    assert eve.post(f"/notifications/{row.pk}/open/").status_code == 404
    eve.post("/notifications/read/")
    assert unread_count(person("bob").pk) == 1


def test_a_viewer_reads_but_does_not_write_and_a_stranger_does_neither(
    reflection: Reflection,
) -> None:
    page = f"/annotation/discussions/experiment/{reflection.experiment_id}/"
    viewer, stranger = signed_in(person("vic", "viewer")), signed_in(person("sam", ""))

    assert viewer.get(page).status_code == 200
    assert viewer.post(f"{page}add/", {"text": "x"}).status_code == 403
    assert stranger.get(page).status_code == 403
    assert Client().get(page).status_code == 302


def test_bad_words_are_answered_without_a_row(reflection: Reflection) -> None:
    ann = signed_in(person("ann"))
    page = f"/annotation/discussions/reflection/{reflection.pk}/add/"

    for sent in (" ", "x" * 4001, "a\0b"):
        assert ann.post(page, {"text": sent}).status_code == 302
    assert (
        ann.post(f"/annotation/discussions/nothing/{HUGE}/add/", {"text": "x"}).status_code == 404
    )
    assert ann.post("/annotation/discussions/step/9/add/", {"text": "x"}).status_code == 404
    assert ann.get(page).status_code == 405
    assert Comment.objects.count() == 0


def test_no_comment_on_a_blind_item_before_ones_own_answer() -> None:
    item = queue_of(count=1).items.get()
    ann = signed_in(person("ann"))
    page = f"/annotation/discussions/reflection/{item.reflection_id}/add/"

    assert ann.post(page, {"text": "seen?"}).status_code == 404
