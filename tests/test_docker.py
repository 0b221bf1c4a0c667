"""The team deployment: what compose and the images name must work outside of docker too."""

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
import yaml
from django.conf import settings

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["setup", "web", "worker-episodes", "worker-exchange", "worker-training"]
GIVEN = {
    "DJANGO_SECRET_KEY": "for this test only",
    "POSTGRES_PASSWORD": "for/this#test?only@100%",
    "ACTOR_BASE_URL": "http://127.0.0.1:9/v1",
    "ACTOR_MODEL": "small",
    "REFLECTOR_BASE_FOLDER": "/models/base",
    "ALLOWED_HOSTS": ".example.org, *, studio.example.org",
    "PORT": "9000",
}
VARIABLE = re.compile(r"\$\{(\w+):[?-]?([^{}]*)\}")


def filled(text: str) -> str:
    """What compose makes of `${NAME:?}` and `${NAME:-default}`, one within another too."""
    while VARIABLE.search(text):
        text = VARIABLE.sub(lambda m: GIVEN.get(m[1], m[2]), text)
    return text


def run(service: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Run a service's own command, with its environment, on the stores of the tests."""
    program, *words = SERVICES[service]["command"]
    return run_beside(service, program, *words, *more)


def run_beside(service: str, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of this installation with the environment of a service."""
    environment = {name: filled(value) for name, value in SERVICES[service]["environment"].items()}
    return subprocess.run(
        [str(Path(sys.executable).parent / program), *words],
        cwd=ROOT,
        env={
            "PATH": os.defpath,
            **environment,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "DATABASE_URL": settings.DATABASE_URL,
            "REDIS_URL": settings.REDIS_URL,
            "STUDIO_DATA_DIR": str(settings.DATA_DIR),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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


def test_every_build_target_is_a_stage_of_the_dockerfile() -> None:
    stages = re.findall(r"^FROM .+ AS (\S+)$", (DOCKER / "Dockerfile").read_text(), re.M)
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}

    assert targets == {"web", "worker-cpu", "worker-gpu"}
    assert targets <= set(stages)


def test_the_files_that_the_dockerfile_copies_are_there() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.M)

    assert copied
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_packages_kept_out_of_the_web_image_are_pinned_packages() -> None:
    pinned = (ROOT / "requirements.lock").read_text().splitlines()

    for pattern in (DOCKER / "web-without.txt").read_text().splitlines():
        assert any(re.fullmatch(pattern, line, re.I) for line in pinned), pattern


def test_the_application_loads_with_the_packages_of_the_web_image_alone() -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({sorted(not_in_the_web_image())}))"
    loaded = "import django; django.setup(); import webapp.urls, webapp.system.starting"

    done = run_beside("web", "python", "-c", f"{blocked}; {loaded}")

    assert done.returncode == 0, done.stderr


def not_in_the_web_image() -> set[str]:
    """The modules of installed packages that the web image leaves out."""
    patterns = (DOCKER / "web-without.txt").read_text().splitlines()
    pinned = (ROOT / "requirements.lock").read_text().splitlines()
    kept = [line for line in pinned if not any(re.fullmatch(p, line, re.I) for p in patterns)]
    names = {plain_name(line.partition("==")[0]) for line in kept} | {"retroformer-studio"}
    modules = packages_distributions().items()
    return {name for name, of in modules if not names & {plain_name(one) for one in of}}


def plain_name(package: str) -> str:
    """The name by which packages are compared."""
    return re.sub(r"[-_.]+", "-", package).lower()


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
