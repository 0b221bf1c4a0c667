"""Adapter folders: written whole and clean, checked, and loaded by plain PEFT of any age."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file

from retro_core.errors import InvalidInput
from retro_core.training.checkpoints import flush
from retro_core.training.failures import TrainingFailed
from retro_core.training.outcome import write_json_atomically

Model = Any  # peft is untyped here
AdapterKind = Literal["policy", "reward_model"]

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "retro_adapter.json"
# What peft 0.10, the version inside text-generation-inference, accepts; newer keys make it fail.
_OLD_PEFT_KEYS = frozenset(
    {
        "alpha_pattern",
        "auto_mapping",
        "base_model_name_or_path",
        "bias",
        "fan_in_fan_out",
        "inference_mode",
        "init_lora_weights",
        "layer_replication",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_alpha",
        "lora_dropout",
        "megatron_config",
        "megatron_core",
        "modules_to_save",
        "peft_type",
        "r",
        "rank_pattern",
        "revision",
        "target_modules",
        "task_type",
        "use_dora",
        "use_rslora",
    }
)


def export_adapter(model: Model, folder: Path, *, base_name: str, card: Mapping[str, Any]) -> str:
    """Write the trained adapter to `folder` by one rename; return its checksum.

    `card` are JSON values kept beside the weights; kind and base_sha256 are needed to load it.
    """
    scratch = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(scratch, selected_adapters=["default"], save_embedding_layers=False)
    (scratch / "README.md").unlink(missing_ok=True)
    _clean_config(scratch / CONFIG, base_name)
    checksum = adapter_checksum(scratch)
    write_json_atomically(scratch / CARD, {**card, "checksum": checksum})
    for path in scratch.iterdir():
        flush(path)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    flush(folder.parent)
    return checksum


def adapter_checksum(folder: Path) -> str:
    """The sha256 over weights and configuration: what tells one adapter from another."""
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def read_card(folder: Path) -> dict[str, Any]:
    """The card of an adapter; empty for one made elsewhere."""
    path = folder / CARD
    if not path.is_file():
        return {}
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card


def check_parent(folder: Path, base_sha256: str, kind: AdapterKind | None = None) -> None:
    """Refuse an adapter that is broken, of another kind, or made for another base model."""
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise InvalidInput(f"The adapter folder {folder} lacks {WEIGHTS} or {CONFIG}.")
    card = read_card(folder)
    if card.get("checksum", "") not in ("", adapter_checksum(folder)):
        raise InvalidInput(f"The adapter {folder} was changed after it was made; its sum differs.")
    if kind and card.get("kind", kind) != kind:
        raise InvalidInput(f"The adapter {folder} is a {card['kind']}, not a {kind}.")
    made_for = card.get("base_sha256", base_sha256)
    if made_for != base_sha256:
        raise TrainingFailed(
            "wrong_base_model",
            f"The adapter {folder.name} was made for the base model {made_for[:12]}, not for"
            f" {base_sha256[:12]}. Choose the base model it was made for, or another adapter.",
        )


def parent_config(folder: Path, task: str, modules_to_save: list[str] | None) -> LoraConfig:
    """A parent's configuration for another task with the same LoRA shape."""
    config = LoraConfig.from_pretrained(folder)
    config.task_type = task
    config.modules_to_save = modules_to_save
    config.inference_mode = False
    return config


def parent_weights(model: Model, folder: Path) -> None:
    """Take over a parent's weights where the names agree."""
    own, taken = get_peft_model_state_dict(model), load_file(folder / WEIGHTS)
    strangers = sorted(set(taken) - set(own))
    if strangers:
        raise InvalidInput(f"The adapter {folder} does not fit the base model: {strangers[0]}.")
    set_peft_model_state_dict(model, {**own, **taken})


def _clean_config(path: Path, base_name: str) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    defaults = LoraConfig().to_dict()
    for key in sorted(set(config) - _OLD_PEFT_KEYS):
        value = config.pop(key)
        if value and value != defaults.get(key) and key != "peft_version":
            raise InvalidInput(f"The adapter uses {key}={value!r}, which servers do not know.")
    config["base_model_name_or_path"] = base_name
    config["inference_mode"] = True
    if isinstance(config["target_modules"], list):
        config["target_modules"] = sorted(config["target_modules"])
    write_json_atomically(path, config)
