"""Official files through the job: task sets with splits, streamed; repeats are harmless."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from retro_core.envs.webshop.env import WebShopEnv
from retro_core.envs.webshop.generator import write_official_files
from tests.core.test_alfworld_official import write_game
from tests.core.test_hotpotqa_official import OFFICIAL
from webapp.exchange import services
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ImportRequest
from webapp.tasks.models import Task, TaskSet
from workers.exchange import run_transfer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def imported(path: Path, kind: str, **terms: Any) -> Transfer:
    request = ImportRequest(file=path.name, kind=kind, **terms)  # type: ignore[arg-type]
    transfer = services.ask_for_import(request, owner=None, chunks=[path.read_bytes()])
    return finished(transfer)


def finished(transfer: Transfer) -> Transfer:
    run_transfer(transfer.pk)
    transfer.refresh_from_db()
    return transfer


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for member in sorted(folder.rglob("*")):
            packed.write(member, member.relative_to(folder))
    return path


def test_hotpotqa_questions_become_a_task_set(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_train_v1.1.json"
    path.write_text(json.dumps([OFFICIAL, OFFICIAL | {"_id": "5b"}]))

    transfers = [imported(path, "hotpotqa") for _ in range(2)]

    assert [transfer.status for transfer in transfers] == ["done", "done"]
    assert [transfer.report["new"].get("tasks", 0) for transfer in transfers] == [2, 0]
    assert transfers[1].report["known"] == {"tasks": 2, "episodes": 0}
    task_set = TaskSet.objects.get()
    assert (task_set.name, task_set.split) == ("hotpot_train_v1.1 train", "train")
    assert Task.objects.get(key="hotpotqa-5b").payload["answer"] == "Ash"


def test_every_question_that_cannot_be_read_is_named_and_nothing_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([{"_id": "x"}, OFFICIAL, {"_id": "y"}]))

    transfer = imported(path, "hotpotqa")

    assert (transfer.status, transfer.bad_count) == ("refused", 2)
    assert [row["row"] for row in transfer.report["bad"]] == [1, 3]
    assert {row["file"] for row in transfer.report["bad"]} == {"hotpot_dev_distractor_v1.json"}
    assert not Task.objects.exists()


def test_the_good_questions_are_taken_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "hotpot_dev_distractor_v1.json"
    path.write_text(json.dumps([{"_id": "x"}, OFFICIAL]))

    transfer = imported(path, "hotpotqa", skip_bad=True)

    assert (transfer.status, transfer.bad_count) == ("done", 1)
    assert [member.position for member in TaskSet.objects.get().members.all()] == [0]


def test_alfworld_games_become_a_task_set_for_each_split(tmp_path: Path) -> None:
    write_game(tmp_path / "games")
    write_game(
        tmp_path / "games",
        "train/pick_heat_then_place_in_recep-Egg-None-Shelf-1/trial_T2",
    )

    transfer = imported(zipped(tmp_path / "games", tmp_path / "games.zip"), "alfworld")

    assert transfer.status == "done", transfer.message
    assert sorted(TaskSet.objects.values_list("name", "split")) == [
        ("games train", "train"),
        ("games valid_unseen", "valid_unseen"),
    ]


def test_a_shops_official_files_stay_where_its_tasks_find_them(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_official_files("unseen", tmp_path / "shop")

    transfer = imported(zipped(tmp_path / "shop", tmp_path / "shop.zip"), "webshop")

    assert transfer.status == "done", transfer.message
    task = Task.objects.order_by("pk").first()
    assert task is not None
    observation, _ = WebShopEnv().reset(task.as_core())
    assert task.goal in observation


def test_two_catalogues_have_tasks_of_their_own_and_the_same_files_again_are_known(
    tmp_path: Path,
) -> None:
    for shop in ("seen", "unseen"):
        (tmp_path / shop).mkdir()
        write_official_files(shop, tmp_path / shop)
        transfer = imported(zipped(tmp_path / shop, tmp_path / f"{shop}.zip"), "webshop")
        assert transfer.status == "done", transfer.message
    tasks = Task.objects.count()
    shutil.copytree(tmp_path / "unseen", settings.IMPORT_DIR / "elsewhere")
    request = ImportRequest(server_path="elsewhere", kind="webshop", task_set="unseen")

    again = finished(services.ask_for_import(request, owner=None))

    assert again.status == "done", again.message
    assert again.report["known"]["tasks"] == 360
    assert Task.objects.count() == tasks
    members = [set(one.tasks.values_list("key", flat=True)) for one in TaskSet.objects.all()]
    assert sum(map(len, members)) == len(set().union(*members))


def test_tasks_that_were_stored_under_plain_numbers_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_official_files("unseen", tmp_path / "shop")
    path = zipped(tmp_path / "shop", tmp_path / "shop.zip")
    imported(path, "webshop")
    for task in Task.objects.all():
        task.key = f"webshop-{task.key.rsplit('-', 1)[1]}"  # as they were named at first
        task.save()

    again = imported(path, "webshop")

    assert (again.status, again.report["known"]["tasks"]) == ("done", 360)
    assert Task.objects.filter(key="webshop-7").exists()


def test_everything_that_is_wrong_with_a_shop_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_official_files("unseen", tmp_path / "shop")
    products = tmp_path / "shop" / "items_shuffle.json"
    products.write_text(json.dumps([*json.loads(products.read_text()), {"asin": "A"}, 7]))

    transfer = imported(zipped(tmp_path / "shop", tmp_path / "shop.zip"), "webshop")

    assert (transfer.status, transfer.bad_count) == ("refused", 2)
    assert [(row["file"], row["row"]) for row in transfer.report["bad"]] == [
        ("items_shuffle.json", 361),
        ("items_shuffle.json", 362),
    ]


def test_a_folder_on_the_server_needs_no_upload(tmp_path: Path) -> None:
    write_game(settings.IMPORT_DIR / "games")
    request = ImportRequest(server_path="games", kind="alfworld", task_set="Mine")

    transfer = finished(services.ask_for_import(request, owner=None))

    assert transfer.status == "done", transfer.message
    assert TaskSet.objects.get().name == "Mine valid_unseen"
