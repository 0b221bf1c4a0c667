"""What a package that is broken does to the pages: it is told, and nothing else changes."""

import pytest

from tests.foreign_packages import Install, install
from tests.webapp.pages import text
from tests.webapp.played import client_of
from webapp.tasks.models import TaskSet
from webapp.worlds.models import HandTrial

__all__ = ["install"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("source", ["raise ValueError('half <b>done</b>')", "SPEC = 5"])
def test_a_broken_package_is_shown_with_its_reason_and_every_page_stands(
    install: Install, source: str
) -> None:
    install("broken_bell", source)
    lead = client_of("researcher")

    page = text(lead.get("/worlds/"))

    assert "/worlds/alfworld/" in page
    assert "broken_bell" in page
    assert ("half &lt;b&gt;done&lt;/b&gt;" in page) or ("it names a int, not an EnvSpec" in page)
    assert lead.get("/worlds/broken_bell/").status_code == 404
    for address in ("/experiments/new/", "/worlds/hotpotqa/", "/data/import/", "/adapters/"):
        assert lead.get(address).status_code == 200, address


def test_the_list_says_nothing_of_broken_packages_where_there_are_none() -> None:
    assert "Left out everywhere" not in text(client_of("researcher").get("/worlds/"))


def test_a_world_without_a_task_still_has_its_card(install: Install) -> None:
    install("empty_bell", "SPEC = spec(generate=lambda **wish: [])")

    page = client_of("annotator").get("/worlds/bell/")

    assert page.status_code == 200
    assert "Bell makes no task of its split train." in text(page)


def test_a_world_that_fails_is_told_on_its_card_and_plays_nothing(install: Install) -> None:
    failing = "class Weak(Bell):\n    def step(self, action): raise KeyError('rope')"
    install("weak_bell", f"{failing}\nSPEC = spec(create=Weak)")
    player = client_of("annotator")
    player.post("/worlds/bell/new-tasks/", {"split": "train", "count": 1, "seed": 0})
    task_set = TaskSet.objects.get()
    member = task_set.members.get()
    player.post(f"/worlds/tasks/{task_set.pk}/begin/", {"task": member.task_id})
    trial = HandTrial.objects.get()

    answer = player.post(f"/worlds/trials/{trial.pk}/act/", {"index": 0, "action": "ring"})

    assert answer.status_code == 422
    assert "Bell failed with an error of its own: KeyError" in text(answer)
    assert trial.hand_steps.count() == 0


def test_a_generator_that_fails_is_told_on_the_card(install: Install) -> None:
    install("odd_bell", "SPEC = spec(generate=lambda **wish: 1 / 0)")

    answer = client_of("annotator").post(
        "/worlds/bell/new-tasks/", {"split": "train", "count": 1, "seed": 0}
    )

    assert answer.status_code == 422
    assert "ZeroDivisionError" in text(answer)
