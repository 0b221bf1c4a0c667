"""The losses of the reward model: pure functions of scores (B,)."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, mse_loss


def bce_loss(scores: Tensor, accepted: Tensor) -> Tensor:
    """Pointwise: score is the log-odds that a reflection is accepted (1.0) or not (0.0)."""
    return binary_cross_entropy_with_logits(scores, accepted)


def regression_loss(scores: Tensor, ratings: Tensor) -> Tensor:
    """Pointwise: score is the rating itself; mean squared error."""
    return mse_loss(scores, ratings)


def pairwise_loss(better: Tensor, worse: Tensor, margins: Tensor) -> Tensor:
    """The better of two must score higher, by `margins` where they are not 0 (Bradley-Terry)."""
    return -logsigmoid(better - worse - margins).mean()
