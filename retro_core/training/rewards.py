"""The reward of a fresh reflection: from a reward model, from a retry, or from a named function."""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from retro_core.errors import InvalidInput
from retro_core.training.retries import RetryClient, RewardRequest
from retro_core.training.spec import TrainingSpec

__all__ = ["RewardFunction", "RewardRequest", "load_reward"]


# One finite number for each request, in order. A function given by name gets the settings object
# once (`factory(settings) -> RewardFunction`); it may play the retry and give the rating.
RewardFunction = Callable[[Sequence[RewardRequest]], list[float]]


def load_reward(spec: TrainingSpec) -> RewardFunction:
    """The reward that the specification asks for."""
    if spec.reward.kind == "function":
        return _named_function(spec.reward.function, spec.reward.settings)
    if spec.reward.kind == "retries":
        return RetryClient(Path(spec.reward.address_file))
    # The scorer loads a second model: only where it is needed.
    from retro_core.training.models import device_of
    from retro_core.training.scorer import load_scorer

    scorer = load_scorer(
        Path(spec.reward.folder),
        Path(spec.base_model.folder),
        device=spec.device,
        # A GPU that holds the policy in few bits has no room for its judge in many.
        precision=spec.precision if device_of(spec).type == "cuda" else "float32",
        normalise=spec.reward.normalise,
    )
    return lambda requests: scorer.score([(request.prompt, request.text) for request in requests])


def _named_function(name: str, settings: str) -> RewardFunction:
    module, _, attribute = name.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
        values = json.loads(settings)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInput(f"reward.function {name!r} cannot be used: {error}.") from error
    function: RewardFunction = factory(values)
    return function
