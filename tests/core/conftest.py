"""Fixtures of the language model tests, made only where a test asks for them."""

from pathlib import Path
from typing import Any

import pytest

from tests.lm_server import base_model, lm_server

__all__ = ["base_model", "lm_server"]

ALL_LINEAR = [f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")]


@pytest.fixture(scope="session")
def plain_model(base_model: Path) -> Any:
    """The base model as transformers runs it."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base_model, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def adapter_folder(plain_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEFT adapter of rank 4 on all linear layers, with weights that change the output."""
    return save_adapter(plain_model, tmp_path_factory.mktemp("adapters") / "loud", ALL_LINEAR)


@pytest.fixture(scope="session")
def partial_adapter_folder(plain_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEFT adapter on the query and value projections alone."""
    folder = tmp_path_factory.mktemp("adapters") / "partial"
    return save_adapter(plain_model, folder, ["q_proj", "v_proj"])


def save_adapter(plain_model: Any, folder: Path, modules: list[str]) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(7)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=modules, init_lora_weights=False)
    tuned = get_peft_model(plain_model, config)
    tuned.save_pretrained(folder)
    tuned.unload()
    return folder
