"""Loads the base model and puts the adapter to train on it."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    set_seed,
)

from retro_core.errors import InvalidInput
from retro_core.training.adapters import check_parent, parent_config, parent_weights
from retro_core.training.failures import TrainingFailed
from retro_core.training.spec import BaseModelSpec, LoraSpec, TrainingSpec

# transformers and peft are untyped here, hence Any for models and tokenizers.
Model = Any
SCORE = "score"  # the head of a sequence classifier


def weights_digest(folder: Path) -> str:
    """The sha256 of a model folder's weights: what tells one base model from another."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InvalidInput(f"The base model folder {folder} holds no safetensors files.")
    digest = hashlib.sha256()
    # A large model is many files, and reading it takes longer than loading it.
    with ThreadPoolExecutor() as readers:
        for part in readers.map(_file_digest, files):
            digest.update(part)
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    told = path.stat()
    return _digest_once(path, told.st_size, told.st_mtime_ns)


@cache
def _digest_once(path: Path, size: int, changed: int) -> bytes:
    """The digest of a file as it was then: PPO asks for the base model's twice."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def check_base_model(base: BaseModelSpec) -> str:
    """Return the digest of the base model; refuse another model than the expected one."""
    digest = weights_digest(Path(base.folder))
    if base.sha256 and digest != base.sha256:
        raise TrainingFailed(
            "wrong_base_model",
            f"The base model in {base.folder} has the digest {digest[:12]}, but the run was set up"
            f" for {base.sha256[:12]}. Choose the base model the snapshot and parent belong to.",
        )
    return digest


def load_tokenizer(folder: Path) -> Any:
    """The base model's tokenizer, with a padding token."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.eos_token_id is None:
        raise InvalidInput(f"The tokenizer in {folder} has no end-of-text token.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def device_of(spec: TrainingSpec) -> torch.device:
    """The device that the run uses."""
    if spec.device == "cpu" or (spec.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InvalidInput("device is cuda, but this machine shows no CUDA device.")
    return torch.device("cuda", torch.cuda.current_device())


def load_policy(spec: TrainingSpec, digest: str) -> Model:
    """The base model with the adapter to train, for text generation."""
    set_seed(spec.seed)
    base = _load(AutoModelForCausalLM, spec)
    base.generation_config = without_habits(base.generation_config)
    if spec.parent_adapter:
        parent = Path(spec.parent_adapter)
        check_parent(parent, digest, "policy")
        return PeftModel.from_pretrained(base, parent, is_trainable=True)
    return get_peft_model(base, lora_config(spec.lora, "CAUSAL_LM"))


def load_reward_model(spec: TrainingSpec, digest: str) -> Model:
    """The base model with one output number and the adapter to train.

    From a parent policy the LoRA weights are taken over; the score starts fresh.
    """
    set_seed(spec.seed)
    base = load_scoring_base(spec)
    if spec.reward_model.cues:
        # The score is at first that of the cues, and leaves it only where the text tells more.
        torch.nn.init.zeros_(base.score.weight)
    if not spec.parent_adapter:
        return get_peft_model(base, lora_config(spec.lora, "SEQ_CLS"))
    parent = Path(spec.parent_adapter)
    check_parent(parent, digest)
    model = get_peft_model(base, parent_config(parent, "SEQ_CLS", [SCORE]))
    parent_weights(model, parent)
    return model


def load_scoring_base(spec: TrainingSpec) -> Model:
    """The base model with one output number, read at the last token that is no padding."""
    base = _load(AutoModelForSequenceClassification, spec, num_labels=1)
    base.config.pad_token_id = load_tokenizer(Path(spec.base_model.folder)).pad_token_id
    # The head is learned: small updates would be lost in the rounding of narrow weights.
    base.score.float()
    return base


def lora_config(lora: LoraSpec, task: str) -> LoraConfig:
    """The configuration of a new adapter."""
    names = [name.strip() for name in lora.targets.split(",") if name.strip()]
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear" if names == ["all-linear"] else names,
        task_type=task,
        modules_to_save=[SCORE] if task == "SEQ_CLS" else None,
    )


def without_habits(given: GenerationConfig) -> GenerationConfig:
    """The special tokens of a base model's generation settings, and nothing else.

    The library fills whatever a caller leaves open from the model's own: a repetition penalty or
    suppressed tokens would draw from another distribution than log-probabilities are computed of.
    """
    return GenerationConfig(
        bos_token_id=given.bos_token_id,
        eos_token_id=given.eos_token_id,
        pad_token_id=given.pad_token_id,
    )


def without_dropout(model: Model) -> Model:
    """Switch dropout off for good: PPO compares the same policy before and after an update."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def _load(kind: Any, spec: TrainingSpec, **settings: Any) -> Model:
    device = device_of(spec)
    if spec.precision == "4bit":
        settings["quantization_config"] = _four_bit(device)
    if device.type == "cuda":
        settings["device_map"] = {"": device}  # no second copy in the host's memory
    dtype = torch.float32 if spec.precision == "float32" else torch.bfloat16
    return kind.from_pretrained(spec.base_model.folder, dtype=dtype, **settings)


def _four_bit(device: torch.device) -> BitsAndBytesConfig:
    if find_spec("bitsandbytes") is None or device.type != "cuda":
        raise InvalidInput(
            "precision 4bit needs a CUDA device and the extra gpu, which brings bitsandbytes (pip"
            " install -e '.[gpu]'). Choose bfloat16, or train on a GPU host."
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
