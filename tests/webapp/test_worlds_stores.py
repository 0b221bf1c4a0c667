"""Where pages come from, which actor plays where, and what the form asks of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from retro_core.config import ExperimentConfig, PagesConfig
from retro_core.envs.hotpotqa.wikipedia import RateLimit, WikipediaPages
from retro_core.errors import EndpointUnavailable, InvalidInput
from retro_core.serving.base_model import MODEL_NAME
from retro_core.types import Task
from tests.webapp.played import client_of
from tests.webapp.test_experiment_form_views import filled, text
from webapp.experiments.forms import fresh_values
from webapp.experiments.models import Experiment
from webapp.experiments.services import EMBEDDED_MODEL, default_actor
from webapp.tasks.services import generated_set
from webapp.worlds.models import WikipediaAnswer
from webapp.worlds.services import making
from webapp.worlds.services.making import env_factory
from webapp.worlds.services.wikipedia import DatabaseCache
from workers.build import build

pytestmark = pytest.mark.django_db
NEW = "/experiments/new/"
PARAGRAPHS = [{"title": "Ash", "text": "Ash is a tree."}]
QUESTION = Task(
    "q", "hotpotqa", "?", payload={"question": "?", "answer": "x", "paragraphs": PARAGRAPHS}
)
ANSWER = json.dumps({"query": {"pages": [{"title": "Ash", "extract": "Ash is what fire leaves."}]}})


def away(address: str) -> str:
    raise EndpointUnavailable("no route to host")


def live(fetch: object) -> WikipediaPages:
    quick = RateLimit(interval=0.0, clock=lambda: 0.0, sleep=lambda seconds: None)
    return WikipediaPages(fetch, cache=DatabaseCache(), rate_limit=quick)  # type: ignore[arg-type]


def searched(config: ExperimentConfig) -> str:
    env = env_factory("hotpotqa", config)()
    env.reset(QUESTION)
    return env.step("Search[Ash]").observation


def with_pages(store: str, corpus: str = "") -> ExperimentConfig:
    return replace(ExperimentConfig(), pages=PagesConfig(store=store, corpus=corpus))  # type: ignore[arg-type]


def test_a_page_of_wikipedia_is_fetched_once_and_then_read_without_a_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "wikipedia", lambda: live(lambda address: ANSWER))
    assert searched(with_pages("wikipedia")) == "Ash is what fire leaves."

    monkeypatch.setattr(making, "wikipedia", lambda: live(away))
    assert searched(with_pages("wikipedia")) == "Ash is what fire leaves."

    assert WikipediaAnswer.objects.get().address.startswith("https://en.wikipedia.org/")


def test_without_network_and_without_the_page_the_reason_is_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "wikipedia", lambda: live(away))

    with pytest.raises(EndpointUnavailable, match=r"Wikipedia cannot be reached\. .*paragraphs"):
        searched(with_pages("wikipedia"))

    assert not WikipediaAnswer.objects.exists()


def test_the_first_answer_of_an_address_stays() -> None:
    cache = DatabaseCache()

    cache.put("https://x/?a", "one")
    cache.put("https://x/?a", "two")

    assert cache.get("https://x/?a") == "one"
    assert cache.get("https://x/?b") is None


def test_each_store_answers_with_its_own_page(settings: Settings) -> None:
    folder: Path = settings.PLACES.corpora / "trees"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pages.jsonl").write_text('{"title": "Ash", "text": "Ash is hard wood."}\n')

    assert searched(with_pages("task")) == "Ash is a tree."
    assert searched(with_pages("corpus", "trees")) == "Ash is hard wood."


@pytest.mark.parametrize("name", ["", "none", "../corpora", "/etc"])
def test_only_corpus_folders_of_this_installation_are_read(name: str) -> None:
    with pytest.raises(InvalidInput, match="No corpus folder"):
        env_factory("hotpotqa", with_pages("corpus", name))


def test_workers_play_with_the_chosen_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "wikipedia", lambda: live(lambda address: ANSWER))
    questions = generated_set("hotpotqa", "train", 1, 0)
    researcher = client_of("researcher")
    researcher.post(NEW, filled(task_set=questions.pk, pages__store="wikipedia"))

    env = build(Experiment.objects.get()).create_env()
    env.reset(QUESTION)

    assert env.step("Search[Ash]").observation == "Ash is what fire leaves."


def test_a_shop_is_played_with_the_chosen_pages() -> None:
    wishes = generated_set("webshop", "train", 1, 0)
    task = wishes.members.get().task.as_core()
    researcher = client_of("researcher")
    seen = []
    for chosen in ("as_task", "text_rich"):
        sent = filled(task_set=wishes.pk, name=chosen, shop__observations=chosen)
        researcher.post(NEW, sent)
        env = build(Experiment.objects.get(name=chosen)).create_env()
        env.reset(task)
        seen.append(env.step("search[lamp]").observation)

    assert "\n[Next >] " in seen[0]
    assert "[button] Next > [button_]" in seen[1]
    assert seen[1].count("$") == 10


def test_only_the_form_of_a_shop_asks_for_its_pages() -> None:
    researcher = client_of("researcher")

    shop, games = (text(researcher.get(f"{NEW}?world={name}")) for name in ("webshop", "alfworld"))

    assert 'data-of-world="webshop">' in shop
    assert 'data-of-world="webshop" hidden>' in games
    assert shop.count('name="shop__observations"') == 1
    assert "whole pages, buttons marked" in shop


def test_the_embedded_adapter_plays_household_games_and_its_base_model_the_rest(
    settings: Settings,
) -> None:
    assert EMBEDDED_MODEL == MODEL_NAME
    assert default_actor("alfworld") == "household"
    assert default_actor("hotpotqa") == default_actor("webshop") == MODEL_NAME

    settings.ACTOR_MODEL = "some-cloud-model"

    assert default_actor("alfworld") == default_actor("hotpotqa") == "some-cloud-model"


def test_an_experiment_without_a_named_actor_takes_that_of_its_world() -> None:
    questions = generated_set("hotpotqa", "train", 1, 0)

    client_of("researcher").post(NEW, filled(task_set=questions.pk))

    assert Experiment.objects.get().actor_model == MODEL_NAME


def test_the_form_proposes_the_settings_of_a_world() -> None:
    questions, shop, games = (fresh_values(name) for name in ("hotpotqa", "webshop", "alfworld"))

    caps = [values["episode__max_steps"] for values in (questions, shop, games)]
    assert caps == [6, 15, 30]
    assert [values["episode__examples"] for values in (questions, shop, games)] == [2, 2, 0]
    assert questions["split"] == "hotpotqa:train"


def test_the_form_says_what_to_expect_and_offers_the_stores() -> None:
    page = text(client_of("researcher").get(f"{NEW}?world=hotpotqa"))

    assert f"the plain {MODEL_NAME} in every other world" in page
    assert "live Wikipedia" in page
    assert page.count('name="pages__store"') == page.count('name="reflection__best_of_n"') == 1
    assert client_of("administrator").get(f"{NEW}?world=nowhere").status_code == 200


def test_only_the_form_of_questions_shows_where_pages_come_from() -> None:
    researcher = client_of("researcher")
    games = generated_set("alfworld", "train", 1, 0)
    questions = generated_set("hotpotqa", "train", 1, 0)
    shown, hidden = 'data-of-world="hotpotqa">', 'data-of-world="hotpotqa" hidden>'

    pages = [text(researcher.get(f"{NEW}?world={name}")) for name in ("hotpotqa", "alfworld")]
    refused = [
        text(researcher.post(NEW, filled(task_set=one.pk, trials=0))) for one in (questions, games)
    ]

    assert [shown in page for page in (*pages, *refused)] == [True, False, True, False]
    assert [hidden in page for page in (*pages, *refused)] == [False, True, False, True]
    assert f'value="{games.pk}" data-world="alfworld"' in pages[0]


def test_a_corpus_folder_is_asked_of_questions_alone() -> None:
    games = generated_set("alfworld", "train", 1, 0)
    sent = filled(task_set=games.pk, pages__store="corpus", pages__corpus="nowhere")

    assert client_of("researcher").post(NEW, sent).status_code == 302


def test_best_of_n_asks_for_a_reward_model_that_there_is() -> None:
    questions = generated_set("hotpotqa", "train", 1, 0)
    sent = filled(task_set=questions.pk, method="retroformer", reflection__best_of_n=4)

    response = client_of("researcher").post(NEW, sent)

    assert response.status_code == 422
    assert "Best of N needs one. There are: none yet." in text(response)


def test_an_unknown_corpus_folder_is_named_on_the_form() -> None:
    questions = generated_set("hotpotqa", "train", 1, 0)
    sent = filled(task_set=questions.pk, pages__store="corpus", pages__corpus="nowhere")

    response = client_of("researcher").post(NEW, sent)

    assert response.status_code == 422
    assert "No corpus folder" in text(response)
