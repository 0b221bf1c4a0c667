"""The cards of the worlds, and playing them by hand."""

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from tests.webapp.pages import text
from tests.webapp.played import client_of
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.records import prompts_of_step
from webapp.experiments import services
from webapp.experiments.curves import curve
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import generated_set
from webapp.worlds.models import HandStep, HandTrial
from workers.upkeep import take_up_lost_work

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "game"}


@pytest.fixture
def games() -> TaskSet:
    return generated_set("alfworld", "valid_unseen", 2, 1)


@pytest.fixture
def player() -> Client:
    return client_of("annotator")


def first_task(task_set: TaskSet) -> Task:
    return task_set.members.order_by("position").select_related("task")[0].task


def begin(player: Client, task_set: TaskSet) -> HandTrial:
    player.post(f"/worlds/tasks/{task_set.pk}/begin/", {"task": first_task(task_set).pk})
    return HandTrial.objects.latest("pk")


def act(
    player: Client, trial: HandTrial, action: str, *, thought: str = "", index: int | None = None
) -> HttpResponse:
    step = trial.hand_steps.count() if index is None else index
    sent = {"index": step, "action": action, "thought": thought}
    return player.post(f"/worlds/trials/{trial.pk}/act/", sent, headers=HTMX)


def solve(player: Client, trial: HandTrial) -> None:
    for command in trial.row.task.payload["walkthrough"]:
        act(player, trial, command)


def test_a_person_sees_the_prompt_of_an_agent_and_the_admissible_actions(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)

    page = text(player.get(f"/worlds/trials/{trial.pk}/"))
    prompt = text(player.get(f"/worlds/trials/{trial.pk}/prompt/"))

    first = trial.row.task.payload["walkthrough"][0]
    assert f'value="{first}"' in page
    assert "You do chores in a house" in prompt
    assert trial.row.task.goal.lower() in page.lower()


def test_a_solved_game_becomes_an_episode_whose_prompts_can_be_proved(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    act(player, trial, "look", thought="Where am I?")

    solve(player, trial)

    episode = Episode.objects.get()
    steps = 1 + len(trial.row.task.payload["walkthrough"])
    assert (episode.success, episode.episode_return, episode.step_count) == (True, 1.0, steps)
    for index in range(steps):
        assert prompts_of_step(episode, index)[0][0].role == "system"  # raises if digests differ
    assert episode.steps.get(index=0).thought == "Where am I?"
    assert "solved" in text(player.get(f"/worlds/trials/{trial.pk}/"))


def test_what_a_person_plays_is_an_experiment_that_no_worker_takes_up(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    solve(player, trial)

    experiment = Experiment.objects.get()
    assert (experiment.source, experiment.method, experiment.actor_model) == (
        "human",
        "react",
        "human: user-annotator",
    )
    assert (experiment.status, experiment.tasks_solved, experiment.tasks_ended) == ("paused", 1, 1)
    assert [point.success.mean for point in curve(experiment)][:1] == [1.0]
    assert not services.resume(experiment.pk)
    assert take_up_lost_work() == []
    page = text(client_of("researcher").get(f"/experiments/{experiment.pk}/"))
    assert "resume" not in page.lower()


def test_it_is_finished_with_the_last_task(player: Client) -> None:
    alone = generated_set("alfworld", "train", 1, 3)

    solve(player, begin(player, alone))

    assert Experiment.objects.get().status == "finished"


def test_a_step_is_kept_at_once_and_the_game_stands_where_it_was(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    first, second = trial.row.task.payload["walkthrough"][:2]
    act(player, trial, first)
    told = text(act(player, trial, second))

    reloaded = text(player.get(f"/worlds/trials/{trial.pk}/", headers=HTMX))

    assert list(trial.hand_steps.values_list("action", flat=True)) == [first, second]
    assert told.split("csrf")[0] == reloaded.split("csrf")[0]


def test_a_repeated_click_plays_one_step(player: Client, games: TaskSet) -> None:
    trial = begin(player, games)

    act(player, trial, "look", index=0)
    again = act(player, trial, "inventory", index=0)

    assert again.status_code == 409
    assert "taken before" in text(again)
    assert HandStep.objects.count() == 1


def test_beginning_twice_goes_on_with_the_open_trial(player: Client, games: TaskSet) -> None:
    first = begin(player, games)

    assert begin(player, games) == first
    assert Experiment.objects.count() == 1


def test_a_cancelled_experiment_keeps_no_task_from_being_begun_again(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    solve(player, trial)
    before = text(player.get(f"/worlds/tasks/{games.pk}/"))
    Experiment.objects.update(status=Experiment.Status.CANCELLED)

    after = text(player.get(f"/worlds/tasks/{games.pk}/"))

    button = f'name="task" value="{first_task(games).pk}"'
    assert (button in before, button in after) == (False, True)
    assert begin(player, games).row.experiment != trial.row.experiment


def test_an_empty_action_is_asked_for_again(player: Client, games: TaskSet) -> None:
    trial = begin(player, games)

    response = act(player, trial, "  ")

    assert response.status_code == 422
    assert "Type an action" in text(response)
    assert not HandStep.objects.exists()


def test_nonsense_is_a_step_without_effect(player: Client, games: TaskSet) -> None:
    trial = begin(player, games)

    page = text(act(player, trial, "sing a song"))

    assert "Nothing happens." in page
    assert "no effect" in page


def test_giving_up_ends_the_trial_and_a_reflection_leads_to_the_next(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    act(player, trial, "look")
    player.post(f"/worlds/trials/{trial.pk}/give-up/")

    response = player.post(
        f"/worlds/trials/{trial.pk}/next/", {"reflection": "Open the fridge first.", "again": ""}
    )

    second = HandTrial.objects.get(trial=2)
    assert response["Location"] == f"/worlds/trials/{second.pk}/"
    episode = Episode.objects.get()
    assert (episode.truncated, episode.truncation_reason, episode.step_count) == (
        True,
        "given_up",
        1,
    )
    reflection = Reflection.objects.get()
    assert (reflection.source, reflection.text) == ("human", "Open the fridge first.")
    assert "> look" in reflection.prompt
    assert "given up before the end" in reflection.prompt
    assert "Open the fridge first." in text(player.get(response["Location"]))


def test_the_next_trial_rates_the_persons_reflection(player: Client, games: TaskSet) -> None:
    trial = begin(player, games)
    player.post(f"/worlds/trials/{trial.pk}/give-up/")
    player.post(f"/worlds/trials/{trial.pk}/next/", {"reflection": "Do it.", "again": ""})

    solve(player, HandTrial.objects.get(trial=2))

    assert Reflection.objects.get().automatic_rating == 1.0  # from return 0 to return 1


def test_a_reflection_is_refused_once_the_next_trial_has_begun_and_its_text_is_kept(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    player.post(f"/worlds/trials/{trial.pk}/give-up/")
    begin(player, games)  # in another window

    late = player.post(f"/worlds/trials/{trial.pk}/next/", {"reflection": "Do it.", "keep": ""})

    assert late.status_code == 409
    assert "Trial 2 has begun: too late for it." in text(late)
    assert "Do it.</textarea>" in text(late)
    assert "To trial 2" in text(late)
    assert not Reflection.objects.exists()


def test_a_second_click_on_play_again_leads_to_the_trial_that_the_first_began(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    player.post(f"/worlds/trials/{trial.pk}/give-up/")
    sent = {"reflection": "Do it.", "again": ""}

    first = player.post(f"/worlds/trials/{trial.pk}/next/", sent)
    again = player.post(f"/worlds/trials/{trial.pk}/next/", sent)

    assert first["Location"] == again["Location"]
    assert Reflection.objects.get().text == "Do it."


def test_a_reflection_is_kept_where_no_prompt_has_room_for_its_trial(
    player: Client, games: TaskSet
) -> None:
    trial = begin(player, games)
    Experiment.objects.update(config={"method": "react", "reflection": {"prompt_tokens": 200}})
    player.post(f"/worlds/trials/{trial.pk}/give-up/")

    player.post(f"/worlds/trials/{trial.pk}/next/", {"reflection": "Do it."})

    kept = Reflection.objects.get()
    assert (kept.text, kept.prompt) == ("Do it.", "")


def test_the_trial_of_another_person_does_not_exist(player: Client, games: TaskSet) -> None:
    trial = begin(player, games)
    other = client_of("researcher")

    assert other.get(f"/worlds/trials/{trial.pk}/").status_code == 404
    assert other.get(f"/worlds/trials/{trial.pk}/prompt/").status_code == 404
    for action in ("act", "give-up", "next"):
        assert other.post(f"/worlds/trials/{trial.pk}/{action}/").status_code == 404
        assert player.get(f"/worlds/trials/{trial.pk}/{action}/").status_code == 405


def test_a_persons_experiment_is_cloned_for_a_model(player: Client, games: TaskSet) -> None:
    begin(player, games)

    values = services.clone_values(Experiment.objects.get())

    assert values["actor_model"] == ""


def test_two_people_have_an_experiment_each(player: Client, games: TaskSet) -> None:
    begin(player, games)
    begin(client_of("researcher"), games)

    owners = set(Experiment.objects.values_list("owner__username", flat=True))
    assert owners == {"user-annotator", "user-researcher"}
    assert User.objects.count() == 2
