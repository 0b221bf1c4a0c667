"""Starts the LM server: python -m retro_core.serving --models-dir DIR."""

import argparse
import logging
import socket
from pathlib import Path

import torch
import uvicorn

from retro_core.errors import InvalidInput
from retro_core.serving.app import make_app
from retro_core.serving.base_model import MODEL_NAME, ensure_base_model
from retro_core.serving.engine import Engine, Limits
from retro_core.serving.service import LmService

GRACE_SECONDS = 10
DEFAULTS = Limits()
MOST_LANES = 4  # each reads up to a fourth of the active requests' prompts
log = logging.getLogger("retro_core.serving")


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m retro_core.serving", description=__doc__)
    parser.add_argument("--models-dir", type=Path, required=True, help="converted models live here")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8070)
    parser.add_argument("--uds", help="serve on this unix socket instead of a port")
    parser.add_argument("--adapter", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument(
        "--adapters-dir",
        type=Path,
        help="loaded at start; adapters loaded over HTTP must lie in it",
    )
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--max-total-tokens", type=int, default=DEFAULTS.max_total)
    parser.add_argument("--max-queue", type=int, default=DEFAULTS.max_queue_requests)
    parser.add_argument("--cache-mebibytes", type=int, default=DEFAULTS.cache_mebibytes)
    return parser.parse_args(arguments)


def make_service(options: argparse.Namespace) -> LmService:
    """Convert the base model where needed, load it and the adapters."""
    folder = ensure_base_model(options.models_dir, progress=log.info)
    on_cpu = options.device == "cpu"
    limits = Limits(
        max_total=options.max_total_tokens,
        max_queue_requests=options.max_queue,
        cache_mebibytes=options.cache_mebibytes,
        # A GPU's passes take milliseconds: nothing that is written waits for them.
        writing_tokens=DEFAULTS.writing_tokens if on_cpu else DEFAULTS.pass_tokens,
    )
    service = LmService(
        folder, limits, device=options.device, dtype=options.dtype, lanes=share_threads(options)
    )
    longest = service.model.shape.max_positions
    if limits.max_total > longest:
        raise InvalidInput(f"--max-total-tokens: the model reads at most {longest}.")
    for pair in options.adapter:
        name, _, path = pair.partition("=")
        _load(service, name, Path(path))
    for folder in _adapter_folders(options.adapters_dir):
        try:
            _load(service, folder.name, folder)
        except InvalidInput as error:
            # One broken folder must not keep the others from being served.
            log.warning("Adapter %s is not loaded: %s", folder.name, error)
    return service


def share_threads(options: argparse.Namespace) -> int:
    """Share the CPU's threads out among lanes; returns how many lanes there are.

    As many lanes as leave no thread without work; with 5 threads one lane of 5 beats four of 1.
    """
    threads = options.threads or torch.get_num_threads()
    if threads < 1:
        raise InvalidInput(f"--threads must be 1 or more, or 0 for one per core; found {threads}.")
    counts = range(1, min(threads, MOST_LANES) + 1) if options.device == "cpu" else range(1, 2)
    lanes = max(counts, key=lambda count: (count * (threads // count), count))
    torch.set_num_threads(threads // lanes)
    return lanes


def _load(service: LmService, name: str, folder: Path) -> None:
    adapter = service.load_adapter(name, folder)
    log.info("Adapter %s loaded: rank %d, sha256 %s", name, adapter.rank, adapter.sha256)


def _adapter_folders(adapters_dir: Path | None) -> list[Path]:
    if adapters_dir is None or not adapters_dir.is_dir():
        return []
    return sorted(path.parent for path in adapters_dir.glob("*/adapter_config.json"))


class Server(uvicorn.Server):
    """Says once, in one line, that it is ready; ends when the engine has ended."""

    def __init__(self, config: uvicorn.Config, engine: Engine, address: str) -> None:
        super().__init__(config)
        self._engine, self._address = engine, address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started:
            log.info("Ready: %s at %s", MODEL_NAME, self._address)

    async def on_tick(self, counter: int) -> bool:
        """Stop serving where nothing could be answered any more."""
        return await super().on_tick(counter) or not self._engine.alive


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = read_arguments()
    try:
        service = make_service(options)
    except InvalidInput as error:
        raise SystemExit(str(error)) from error
    app = make_app(service, adapters_dir=options.adapters_dir)
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        uds=options.uds,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    address = options.uds or f"http://{options.host}:{options.port}"
    Server(config, service.engine, address).run()
    if service.engine.failed:
        raise SystemExit("The engine failed; see the error above.")


if __name__ == "__main__":
    main()
