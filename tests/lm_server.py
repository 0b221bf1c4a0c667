"""The real LM server as a child process, and the folders that its tests share."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import InferenceClient
from openai import OpenAI

from retro_core.serving.base_model import ensure_base_model

REPOSITORY = Path(__file__).resolve().parents[1]
MODELS_DIR = REPOSITORY / "data" / "models"
MODEL = "smollm2-135m-instruct"
START_SECONDS = 120


@dataclass(frozen=True)
class LmServer:
    url: str
    process: "subprocess.Popen[str]"

    def openai(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="unused", max_retries=0, timeout=60)

    def tgi(self) -> InferenceClient:
        return InferenceClient(self.url, timeout=60)

    def http(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_lm_server(*arguments: str, threads: int = 1) -> Iterator[LmServer]:
    port = free_port()
    command = [
        "env",
        "OMP_WAIT_POLICY=passive",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY=128",
        sys.executable,
        "-m",
        "retro_core.serving",
        "--models-dir",
        str(MODELS_DIR),
    ]
    command += ["--port", str(port), "--threads", str(threads), *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process)
        yield LmServer(url, process)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_ready(url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"the LM server ended: {process.stderr.read()}")
        try:
            if httpx2.get(f"{url}/health").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the LM server was not ready after {START_SECONDS} s")


@pytest.fixture(scope="session")
def base_model() -> Path:
    """The folder of the converted base model, converted by the first test run."""
    return ensure_base_model(MODELS_DIR)


@pytest.fixture(scope="session")
def lm_server(base_model: Path) -> Iterator[LmServer]:
    """One real server for the whole run; tests leave it as they found it.

    In float32, so that its scores can be held against a plain forward pass.
    """
    with running_lm_server("--dtype", "float32", threads=2) as server:
        yield server
