"""From a finished adapter folder to an adapter version: whole, checked, or not at all."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
CARD = "retro_adapter.json"
REWARD_MODELS = "reward-models"  # one floor deeper, where the model server looks for none


@dataclass(frozen=True)
class Made:
    """What a training run tells about the adapter that it made."""

    kind: str
    family: str
    checksum: str
    base_sha256: str
    steps: int
    parent: Adapter | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


def adapter_folder(adapter: Adapter) -> Path:
    """Where the files of an adapter are."""
    places: Path = settings.PLACES.adapters
    inside = places / REWARD_MODELS if adapter.kind == Adapter.Kind.REWARD_MODEL else places
    return inside / adapter.name


def register(source: Path, made: Made) -> Adapter:
    """Copy a finished adapter folder and store its row. Raises InvalidInput if it is damaged.

    The row and the folder appear together: the folder by one rename within the transaction. A
    folder that a crash left without its row is replaced.
    """
    if folder_checksum(source) != made.checksum:
        raise InvalidInput(f"The adapter {source} was changed after it was made; its sum differs.")
    scratch = source.with_name(f"{source.name}.registering")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(source, scratch)
    with transaction.atomic():
        adapter = _new_row(scratch, made)
        folder = adapter_folder(adapter)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    return adapter


def folder_checksum(folder: Path) -> str:
    """The sum over weights and configuration, as the trainer makes it."""
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()


def next_name(family: str) -> tuple[int, str]:
    """The next version of a family and the name that it gets."""
    newest = Adapter.objects.filter(family=family).aggregate(newest=Max("version"))["newest"]
    version = (newest or 0) + 1
    return version, f"{family}-v{version}"


def _new_row(folder: Path, made: Made) -> Adapter:
    version, name = next_name(made.family)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return Adapter.objects.create(
        family=made.family,
        version=version,
        name=name,
        kind=made.kind,
        parent=made.parent,
        checksum=made.checksum,
        weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        base_sha256=made.base_sha256,
        base_name=str(config.get("base_model_name_or_path") or "")[:160],
        rank=int(config.get("r") or 0),
        size_bytes=sum(path.stat().st_size for path in folder.iterdir()),
        steps=made.steps,
        figures=dict(made.figures),
    )
