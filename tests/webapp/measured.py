"""Reflections that reward models have scored and that were replayed."""

from webapp.adapters.models import Adapter
from webapp.annotation.models import (
    Counterfactual,
    ModelScore,
    Replay,
)
from webapp.episodes.models import Reflection


def scored(rows: list[Reflection], scores: list[float]) -> Adapter:
    adapter = Adapter.objects.create(
        family="judge", version=1, name="judge-v1", kind="reward_model", checksum="c" * 64
    )
    ModelScore.objects.bulk_create(
        ModelScore(adapter=adapter, reflection=row, score=score)
        for row, score in zip(rows, scores, strict=True)
    )
    return adapter


def replayed(reflection: Reflection, gains: list[float]) -> Counterfactual:
    row = Counterfactual.objects.create(
        reflection=reflection,
        pairs=len(gains),
        temperature=0.5,
        status="done",
        mean=sum(gains) / len(gains),
        low=-0.25,
        high=1.25,
    )
    Replay.objects.bulk_create(
        Replay(
            counterfactual=row,
            pair=pair,
            shown=shown,
            seed=pair,
            success=bool(gain and shown),
            episode_return=gain if shown else 0.0,
            step_count=1,
            actions=["open blue"],
        )
        for pair, gain in enumerate(gains)
        for shown in (True, False)
    )
    return row
