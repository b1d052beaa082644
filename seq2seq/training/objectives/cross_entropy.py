"""Cross-entropy of the right tokens, with label smoothing: what training minimises unless a recipe says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .objective import Objective

if TYPE_CHECKING:
    import torch

    from ...modeling.token_loss import TokenLoss, TokenLossModel


class CrossEntropy(Objective):
    """The sum over target tokens (Szegedy et al. 2016 for the smoothing), worked out with the output layer."""

    def compute_sums(self, model: TokenLossModel, batch: dict[str, torch.Tensor]) -> TokenLoss:
        return model(**batch, label_smoothing=self.context.label_smoothing)
