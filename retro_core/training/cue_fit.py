"""Logistic regression of accepted against rejected on the cues of reflections."""

from collections.abc import Sequence

import torch
from torch import Tensor

from retro_core.prompts.cues import CUES, cues_of
from retro_core.training.cues import CueScore, prompts_of
from retro_core.training.reward_losses import bce_loss
from retro_core.types import RatedReflection

# Half of it times the squared weights of standardised cues is added to the summed loss: enough to
# keep a cue that hardly ever varies from taking a large weight, little beside a hundred ratings.
RIDGE = 3.0


def fit_cues(rows: Sequence[RatedReflection], above: float) -> CueScore:
    """Fit on rated reflections of one environment, of which some lie above and some do not."""
    environment = rows[0].environment
    prompts = prompts_of(environment)
    counted = torch.tensor([cues_of(row.prompt, row.text, prompts) for row in rows]).double()
    accepted = torch.tensor([float(row.rating > above) for row in rows]).double()
    mean, deviation = counted.mean(0), counted.std(0, correction=0).clamp(min=1e-6)
    fitted = _minimum((counted - mean) / deviation, accepted)
    weights = fitted[:-1] / deviation
    return CueScore(
        environment=environment,
        bias=float(fitted[-1] - weights @ mean),
        weights=dict(zip(CUES, weights.tolist(), strict=True)),
    )


def _minimum(cues: Tensor, accepted: Tensor) -> Tensor:
    """Weights (C + 1,), the bias last, of least summed cross entropy and ridge; cues are (N, C)."""
    fitted = torch.zeros(cues.shape[1] + 1, dtype=cues.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        weights, bias = fitted[:-1], fitted[-1]
        total = len(accepted) * bce_loss(cues @ weights + bias, accepted)
        total = total + RIDGE / 2 * weights.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return fitted.detach()
