"""Loads PEFT adapter folders and keeps them by name, while requests run."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from retro_core.errors import InvalidInput
from retro_core.serving.llama import Shape
from retro_core.serving.spans import LoraWeights, LowRank

# The fused linear layers of the engine, and the PEFT modules whose rows they hold, in order.
FUSED = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "o": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
MAX_RANK = 256
MAX_FILE_BYTES = 512 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """LoRA weights under a name. `sha256` is the digest of the weights file.

    `key` tells apart what is computed with it: the scale of equal weights may differ.
    """

    name: str
    path: str
    sha256: str
    rank: int
    loaded_at: float
    weights: LoraWeights
    key: str


class AdapterRegistry:
    """The adapters by name. A request that holds one keeps it alive after it is unloaded."""

    def __init__(self, shape: Shape, device: torch.device, dtype: torch.dtype) -> None:
        self._shape = shape
        self._place = (device, dtype)
        self._adapters: dict[str, Adapter] = {}
        self._lock = threading.Lock()

    def load(self, name: str, folder: Path, *, clock: Callable[[], float]) -> Adapter:
        """Load or replace an adapter. Raises InvalidInput with the reason of a refusal."""
        adapter = read_adapter(name, folder, self._shape, self._place, loaded_at=clock())
        with self._lock:
            self._adapters[name] = adapter
        return adapter

    def unload(self, name: str) -> Adapter | None:
        """Forget an adapter; None where there is none of that name."""
        with self._lock:
            return self._adapters.pop(name, None)

    def get(self, name: str) -> Adapter | None:
        """Look one up."""
        return self._adapters.get(name)

    def all(self) -> list[Adapter]:
        """Every adapter, by name."""
        with self._lock:
            return [self._adapters[name] for name in sorted(self._adapters)]


def read_adapter(
    name: str,
    folder: Path,
    shape: Shape,
    place: tuple[torch.device, torch.dtype],
    *,
    loaded_at: float,
) -> Adapter:
    """Read a PEFT folder and check every tensor against the base model."""
    config = _read_config(folder)
    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        raise InvalidInput(f"{folder} holds no adapter_model.safetensors.")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise InvalidInput(f"{file.name} is larger than {MAX_FILE_BYTES} bytes.")
    content = file.read_bytes()
    try:
        tensors = load_safetensors(content)
    except SafetensorError as error:
        raise InvalidInput(f"{file.name} is not a safetensors file: {error}.") from error
    digest = hashlib.sha256(content).hexdigest()
    weights = _fuse(_by_module(tensors), config, shape, place)
    key = f"{digest} x {_scale(config):g}"
    return Adapter(name, str(folder), digest, config["r"], loaded_at, weights, key)


def _read_config(folder: Path) -> dict[str, Any]:
    file = folder / "adapter_config.json"
    if not file.is_file():
        raise InvalidInput(f"{folder} holds no adapter_config.json.")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(f"{file.name} is not JSON: {error}.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise InvalidInput(f"{file.name} does not describe a LoRA adapter.")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or not 1 <= rank <= MAX_RANK:
        raise InvalidInput(f"{file.name}: rank must be between 1 and {MAX_RANK}, found {rank!r}.")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float):
        raise InvalidInput(f"{file.name}: lora_alpha must be a number, found {alpha!r}.")
    refused = [key for key in ("use_dora", "rank_pattern", "alpha_pattern") if config.get(key)]
    if config.get("bias", "none") != "none":
        refused.append("bias")
    if refused:
        raise InvalidInput(f"{file.name}: not supported: {', '.join(refused)}.")
    return config


def _scale(config: Mapping[str, Any]) -> float:
    """Alpha / rank, or alpha / sqrt(rank) where the adapter is rank-stabilised."""
    alpha, rank = float(config["lora_alpha"]), int(config["r"])
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def _by_module(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Group tensors as {"layers.N.module": {"A": ..., "B": ...}}."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        path = key.removeprefix("base_model.model.model.").removesuffix(".weight")
        module, _, side = path.rpartition(".lora_")
        if not module.startswith("layers.") or side not in {"A", "B"}:
            raise InvalidInput(f"Unexpected tensor {key!r} in the adapter.")
        found.setdefault(module, {})[side] = tensor
    if not found:
        raise InvalidInput("The adapter holds no LoRA tensors.")
    return found


def _fuse(
    modules: dict[str, dict[str, Tensor]],
    config: Mapping[str, Any],
    shape: Shape,
    place: tuple[torch.device, torch.dtype],
) -> LoraWeights:
    scale = _scale(config)
    sizes = _module_sizes(shape)
    layers = []
    for index in range(shape.layers):
        layer = {}
        for name, parts in FUSED.items():
            sides = [modules.pop(f"layers.{index}.{part}", None) for part in parts]
            if any(sides):
                layer[name] = _fused(parts, sides, sizes, rank=config["r"], scale=scale, to=place)
        layers.append(layer)
    if modules:
        raise InvalidInput(f"The base model has no module {sorted(modules)[0]!r}.")
    return LoraWeights(tuple(layers))


def _fused(
    parts: tuple[str, ...],
    sides: list[dict[str, Tensor] | None],
    sizes: Mapping[str, tuple[int, int]],
    *,
    rank: int,
    scale: float,
    to: tuple[torch.device, torch.dtype],
) -> LowRank:
    """Stack the parts' A matrices and set their B matrices on a block diagonal."""
    downs, ups = [], []
    for part, side in zip(parts, sides, strict=True):
        rows, columns = sizes[part]
        if side is None:
            downs.append(torch.zeros(0, columns))
            ups.append(torch.zeros(rows, 0))
            continue
        _check_sides(part, side, (rank, columns), (rows, rank))
        downs.append(side["A"].float())
        ups.append(side["B"].float() * scale)
    down, up = torch.cat(downs).T.contiguous(), torch.block_diag(*ups).T.contiguous()
    return LowRank(down.to(*to), up.to(*to))


def _check_sides(
    part: str, side: dict[str, Tensor], a_shape: tuple[int, int], b_shape: tuple[int, int]
) -> None:
    for name, expected in (("A", a_shape), ("B", b_shape)):
        tensor = side.get(name)
        if tensor is None:
            raise InvalidInput(f"{part} lacks its lora_{name} tensor.")
        if tuple(tensor.shape) != expected:
            raise InvalidInput(
                f"{part}.lora_{name} has shape {tuple(tensor.shape)}, the base model and rank "
                f"ask for {expected}."
            )
        if not tensor.is_floating_point() or not bool(tensor.isfinite().all()):
            raise InvalidInput(f"{part}.lora_{name} holds values that are not finite numbers.")


def _module_sizes(shape: Shape) -> dict[str, tuple[int, int]]:
    """Give every linear module's (rows, columns)."""
    attention, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return {
        "self_attn.q_proj": (attention, shape.hidden),
        "self_attn.k_proj": (keys, shape.hidden),
        "self_attn.v_proj": (keys, shape.hidden),
        "self_attn.o_proj": (shape.hidden, attention),
        "mlp.gate_proj": (shape.intermediate, shape.hidden),
        "mlp.up_proj": (shape.intermediate, shape.hidden),
        "mlp.down_proj": (shape.hidden, shape.intermediate),
    }
