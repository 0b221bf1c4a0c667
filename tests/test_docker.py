"""The team deployment: what compose and the images name must work outside of docker too."""

import os
import re
import subprocess
from pathlib import Path

import dj_database_url
import pytest

from tests.deployment import COMPOSE, DOCKER, GIVEN, SERVICES, filled, run, run_beside
from workers.training_watch import KILL_GRACE_SECONDS, STOP_GRACE_SECONDS

OURS = ["setup", "web", "worker-episodes", "worker-exchange", "worker-training"]


def test_compose_names_every_part_of_the_deployment() -> None:
    assert set(SERVICES) == {"postgres", "valkey", "tgi", *OURS}
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert SERVICES["valkey"]["image"] == "valkey/valkey:9"


def test_every_service_waits_only_for_services_that_there_are() -> None:
    waited_for = {name for service in SERVICES.values() for name in service.get("depends_on", {})}

    assert waited_for == {"postgres", "setup", "valkey"}


def test_every_volume_of_a_service_is_declared() -> None:
    mounted = [filled(v) for s in SERVICES.values() for v in s.get("volumes", [])]
    used = {volume.split(":")[0] for volume in mounted}

    assert {name for name in used if name[0] not in "./"} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", ["web", "worker-episodes", "worker-exchange", "worker-training"])
def test_the_base_model_lies_where_the_service_is_told_and_is_not_written(name: str) -> None:
    folder = filled(SERVICES[name]["environment"].get("REFLECTOR_BASE_FOLDER", ""))

    assert folder == "/models/base"
    assert f"{folder}:{folder}:ro" in [filled(v) for v in SERVICES[name]["volumes"]]


def test_tgi_and_the_trainer_take_a_gpu_each() -> None:
    asked = [SERVICES[name]["deploy"]["resources"] for name in ("tgi", "worker-training")]
    devices = [device for one in asked for device in one["reservations"]["devices"]]

    assert [filled(number) for one in devices for number in one["device_ids"]] == ["0", "1"]
    assert not any("count" in one for one in devices)


def test_docker_waits_for_the_checkpoint_of_a_trainer_that_must_end() -> None:
    minutes = re.fullmatch(r"(\d+)m", SERVICES["worker-training"]["stop_grace_period"])

    assert minutes
    assert 60 * int(minutes[1]) > STOP_GRACE_SECONDS + KILL_GRACE_SECONDS


def test_files_to_import_are_mounted_where_the_services_look_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web = SERVICES["web"]
    without = filled(web["environment"]["IMPORT_DIR"])
    monkeypatch.setitem(GIVEN, "IMPORT_DIR", "/srv/files")

    assert without == ""  # the place in the data folder
    assert filled(web["environment"]["IMPORT_DIR"]) == "/srv/files"
    assert "/srv/files:/srv/files:ro" in [filled(volume) for volume in web["volumes"]]


def test_wikipedia_and_the_number_of_threads_are_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GIVEN, "WIKIPEDIA_API", "http://wiki/api.php")
    monkeypatch.setitem(GIVEN, "WEB_THREADS", "24")
    words = [filled(word) for word in SERVICES["web"]["command"]]

    assert words[words.index("--threads") + 1] == "24"
    for service in OURS:
        assert filled(SERVICES[service]["environment"]["WIKIPEDIA_API"]) == "http://wiki/api.php"


def test_tgi_is_told_its_share_of_the_gpu_and_the_hubs_token_only_where_there_is_one() -> None:
    environment = SERVICES["tgi"]["environment"]

    assert filled(environment["CUDA_MEMORY_FRACTION"]) == "1.0"
    assert environment["HF_TOKEN"] is None  # handed on as it is, or left out


def test_the_head_of_the_compose_file_names_all_that_can_be_given() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    head = text.partition("\nname:")[0]
    read = {*re.findall(r"\$\{(\w+)", text), "HF_TOKEN"}

    assert "CSRF_TRUSTED_ORIGINS" in read
    assert [name for name in sorted(read) if not re.search(rf"\b{name}\b", head)] == []


@pytest.mark.django_db(transaction=True)
def test_the_setup_service_ends_with_a_link_to_the_given_name_and_the_published_port() -> None:
    done = run("setup")

    assert done.returncode == 0, done.stderr
    assert re.search(r"Ready\. Open http://studio\.example\.org:9000/enter/\S+/", done.stdout)


def test_the_web_service_listens_where_its_published_port_leads() -> None:
    command = SERVICES["web"]["command"]

    assert filled(SERVICES["web"]["ports"][0]) == "9000:8000"
    assert command[command.index("--bind") + 1] == "0.0.0.0:8000"


def test_names_that_are_given_join_those_of_the_machine_itself() -> None:
    shown = "from django.conf import settings; print(*settings.ALLOWED_HOSTS)"

    names = run_beside("web", "python", "-c", shown).stdout.split()

    assert names[:2] == ["localhost", "127.0.0.1"]
    assert names[-3:] == [".example.org", "*", "studio.example.org"]


def test_the_address_of_the_database_holds_no_password() -> None:
    address = filled(SERVICES["web"]["environment"]["DATABASE_URL"])

    found = dj_database_url.parse(address)

    assert (found["HOST"], found["PORT"], found["USER"]) == ("postgres", 5432, "studio")
    assert (found["NAME"], found["PASSWORD"]) == ("studio", "")


@pytest.mark.django_db
def test_a_password_with_signs_of_an_address_reaches_the_database_whole() -> None:
    connect = (
        "import django; django.setup(); from django.db import connection as c;"
        "c.ensure_connection(); print(c.connection.info.password)"
    )

    done = run_beside("web", "python", "-c", connect)

    assert done.stdout == "for/this#test?only@100%\n", done.stderr


@pytest.mark.django_db
def test_the_command_of_the_web_service_finds_its_application() -> None:
    done = run("web", "--check-config")

    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("service", ["worker-episodes", "worker-exchange", "worker-training"])
def test_a_worker_service_takes_a_job_and_ends(service: str, broker: str) -> None:
    import django_rq

    queue = django_rq.get_queue(service.removeprefix("worker-"))
    job = queue.enqueue("math.sqrt", 49.0, result_ttl=60)

    done = run(service, "--burst")

    assert done.returncode == 0, done.stderr
    assert job.return_value() == 7.0


def launched(tmp_path: Path, adapters: list[str]) -> list[str]:
    """Run the entrypoint of TGI against a launcher that only tells what it was given."""
    launcher = tmp_path / "bin" / "text-generation-launcher"
    launcher.parent.mkdir()
    launcher.write_text('#!/bin/sh\necho "LORA_ADAPTERS=${LORA_ADAPTERS-unset}"\necho "$@"\n')
    launcher.chmod(0o755)
    for name in adapters:
        (tmp_path / "adapters" / name).mkdir(parents=True)
        (tmp_path / "adapters" / name / "adapter_config.json").write_text("{}")
    done = subprocess.run(
        [str(DOCKER / "tgi-entrypoint.sh"), "--max-input-tokens", "900"],
        env={"PATH": f"{launcher.parent}:{os.defpath}", "ADAPTERS_DIR": str(tmp_path / "adapters")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_tgi_starts_with_every_adapter_of_the_folder(tmp_path: Path) -> None:
    lines = launched(tmp_path, ["kl-low", "kl-high"])

    folder = tmp_path / "adapters"
    assert lines[1] == f"LORA_ADAPTERS=kl-high={folder}/kl-high,kl-low={folder}/kl-low"
    assert lines[2] == "--hostname 0.0.0.0 --port 80 --max-best-of 4 --max-input-tokens 900"


def test_tgi_starts_without_adapters_too(tmp_path: Path) -> None:
    assert launched(tmp_path, [])[:2] == ["Adapters: none", "LORA_ADAPTERS=unset"]
