"""Adapters are loaded, replaced and unloaded while requests run, and bad ones refused."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from safetensors.torch import load_file, save_file

from tests.lm_server import MODEL, LmServer, running_lm_server

pytestmark = pytest.mark.lm
PROMPT = "The best way to"
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def loud(lm_server: LmServer, adapter_folder: Path) -> Iterator[dict[str, Any]]:
    """The adapter loaded as `loud`, and unloaded after the test."""
    reply = load(lm_server, "loud", adapter_folder)
    assert reply.status_code == 201, reply.text
    yield reply.json()
    lm_server.http().delete("/adapters/loud")


def load(server: LmServer, name: str, folder: Path) -> Any:
    return server.http().post("/adapters", json={"name": name, "path": str(folder)})


def written(server: LmServer, adapter: str | None = None) -> str:
    return server.tgi().text_generation(PROMPT, max_new_tokens=5, adapter_id=adapter)


def test_a_loaded_adapter_is_listed_and_changes_the_text(
    lm_server: LmServer, loud: dict[str, Any]
) -> None:
    assert (loud["name"], loud["rank"], len(loud["sha256"])) == ("loud", 4, 64)
    assert lm_server.http().get("/adapters").json()["adapters"] == [loud]
    assert [model.id for model in lm_server.openai().models.list()] == [MODEL, "loud"]
    assert written(lm_server, "loud") != written(lm_server)


@pytest.mark.usefixtures("loud")
def test_both_protocols_use_the_same_adapter(lm_server: LmServer) -> None:
    texts = [
        lm_server.openai()
        .completions.create(model=name, prompt=PROMPT, max_tokens=5, temperature=0)
        .choices[0]
        .text
        for name in ("loud", f"{MODEL}:loud")
    ]

    assert texts == [written(lm_server, "loud")] * 2


@pytest.mark.usefixtures("loud")
def test_equal_weights_of_another_scale_share_no_cached_prefix(
    lm_server: LmServer, adapter_folder: Path
) -> None:
    other = adapter_folder.with_name("half")
    shutil.copytree(adapter_folder, other)
    config = json.loads((other / "adapter_config.json").read_text())
    config["lora_alpha"] /= 2
    (other / "adapter_config.json").write_text(json.dumps(config))
    prompt = " ".join(["The best way to begin is to look around."] * 12)

    def asked(name: str) -> str:
        return lm_server.tgi().text_generation(prompt, max_new_tokens=8, adapter_id=name)

    try:
        assert load(lm_server, "half", other).status_code == 201
        alone = asked("half")
        assert load(lm_server, "half", other).status_code == 200
        lm_server.http().delete("/adapters/half")
        asked("loud")
        load(lm_server, "half", other)
        assert asked("half") == alone
    finally:
        lm_server.http().delete("/adapters/half")
        shutil.rmtree(other)


@pytest.mark.usefixtures("loud")
def test_requests_for_different_adapters_run_together(lm_server: LmServer) -> None:
    alone = {name: written(lm_server, name) for name in (None, "loud")}

    with ThreadPoolExecutor(6) as pool:
        names = [None, "loud"] * 3
        together = list(pool.map(lambda name: written(lm_server, name), names))

    assert together == [alone[name] for name in names]


@pytest.mark.usefixtures("loud")
def test_an_adapter_is_replaced_and_unloaded(
    lm_server: LmServer, partial_adapter_folder: Path
) -> None:
    before = written(lm_server, "loud")

    replaced = load(lm_server, "loud", partial_adapter_folder)
    after = written(lm_server, "loud")
    gone = lm_server.http().delete("/adapters/loud")

    assert replaced.status_code == 200
    assert before != after
    assert gone.status_code == 204
    assert lm_server.http().delete("/adapters/loud").status_code == 404
    with pytest.raises(openai.NotFoundError):
        lm_server.openai().completions.create(model="loud", prompt=PROMPT)


def halve_rank(folder: Path) -> None:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"r": 2}))


def cut_file(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def rename_a_layer(folder: Path) -> None:
    tensors = {
        key.replace("layers.29", "layers.31"): t for key, t in load_file(folder / WEIGHTS).items()
    }
    save_file(tensors, folder / WEIGHTS)


def drop_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors[next(key for key in tensors if "lora_B" in key)]
    save_file(tensors, folder / WEIGHTS)


def poison(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    next(iter(tensors.values())).fill_(float("nan"))
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (halve_rank, "has shape"),
        (cut_file, "not a safetensors file"),
        (rename_a_layer, "no module"),
        (drop_a_tensor, "lacks its lora_B"),
        (poison, "not finite"),
        (lambda folder: (folder / WEIGHTS).unlink(), "holds no adapter_model"),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "not JSON"),
        (shutil.rmtree, "holds no adapter_config"),
    ],
)
def test_a_bad_adapter_is_refused_with_the_reason_and_the_server_goes_on(
    lm_server: LmServer,
    adapter_folder: Path,
    tmp_path: Path,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    folder = tmp_path / "bad"
    shutil.copytree(adapter_folder, folder)
    damage(folder)

    reply = load(lm_server, "bad", folder)

    assert reply.status_code == 422
    assert reason in reply.json()["error"]
    assert lm_server.http().get("/adapters").json() == {"adapters": []}
    assert lm_server.http().get("/health").status_code == 200


def test_a_path_that_no_folder_can_have_is_refused(lm_server: LmServer) -> None:
    reply = load(lm_server, "far", Path("x" * 3000))

    assert reply.status_code == 422
    assert "File name too long" in reply.json()["error"]


def test_adapters_are_loaded_at_start_and_only_from_the_folder(
    adapter_folder: Path, partial_adapter_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(adapter_folder, tmp_path / "loud")
    shutil.copytree(adapter_folder, tmp_path / "broken")
    cut_file(tmp_path / "broken")
    named = f"given={partial_adapter_folder}"

    with running_lm_server("--adapters-dir", str(tmp_path), "--adapter", named) as server:
        names = [a["name"] for a in server.http().get("/adapters").json()["adapters"]]
        outside = load(server, "other", partial_adapter_folder)
        inside = load(server, "again", Path("loud"))

    assert names == ["given", "loud"]
    assert outside.status_code == 422
    assert "adapters folder" in outside.json()["error"]
    assert inside.status_code == 201
