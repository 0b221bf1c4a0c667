"""Rated reflections, a snapshot and an adapter whose numbers can be worked out by hand."""

import json
from pathlib import Path

from tests.webapp.played import played_experiment
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import Made, folder_checksum, register
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze


def taken_snapshot(name: str = "two") -> Snapshot:
    """Two reflections, rated +0.75 and +0.50, both to train on."""
    played_experiment(f"doors of {name}")
    return freeze(BufferQuery(validation_share=0.0, repeats="keep"), name=name)


def mixed_snapshot(name: str = "mixed") -> Snapshot:
    """The same two, of which the later one is rated -0.50: both classes are there."""
    played_experiment(f"doors of {name}")
    worse = Reflection.objects.latest("pk").pk
    Reflection.objects.filter(pk=worse).update(automatic_rating=-0.5, effective_rating=-0.5)
    return freeze(BufferQuery(validation_share=0.0, repeats="keep"), name=name)


def made_adapter(folder: Path, family: str = "house", *, kind: str = "policy") -> Adapter:
    """A registered adapter whose weights are not weights: nothing here loads them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(f"weights of {family}".encode())
    config = {"r": 4, "base_model_name_or_path": "tiny"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    made = Made(kind, family, folder_checksum(folder), "b" * 64, steps=6, figures={"reward": 0.5})
    return register(folder, made)
