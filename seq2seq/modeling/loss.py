"""The loss of target tokens: a sum, so that any split of a batch adds up to the same number.

Shapes: N real target tokens, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch.nn import functional


class LossSums(NamedTuple):
    """Sums over N target tokens: what is minimised, and the plain negative log-likelihood that is reported."""

    objective: torch.Tensor
    negative_log_likelihood: torch.Tensor


def compute_loss_sums(logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float = 0.0) -> LossSums:
    """Cross-entropy of the right tokens, in float32 whatever the logits' type.

    With smoothing s the objective is (1 - s) times the loss of the right token plus s times the mean loss over the
    vocabulary (Szegedy et al. 2016, as torch's `cross_entropy` counts it).

    Shape: logits (N, V), labels (N,); both sums are scalars, zero where N is zero.
    """
    logits = logits.float()
    negative_log_likelihood = functional.cross_entropy(logits, labels, reduction="sum")
    if label_smoothing == 0.0:
        return LossSums(negative_log_likelihood, negative_log_likelihood.detach())
    over_vocabulary = (torch.logsumexp(logits, dim=-1) - logits.mean(dim=-1)).sum()
    objective = (1 - label_smoothing) * negative_log_likelihood + label_smoothing * over_vocabulary
    return LossSums(objective, negative_log_likelihood.detach())
