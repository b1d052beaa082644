"""What an objective is: sums over the real target tokens of a batch, and pairs made anew for an epoch.

The loop divides the sums once, by the target tokens of the whole step over all micro-batches and processes: no
objective can break "any split gives the same gradient". Imports no torch.

Shapes: B examples, S source and T target positions, N real target tokens of the batch, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ...base.options import Options

if TYPE_CHECKING:
    import torch

    from ...data.encoding import EncodedExamples
    from ...modeling.token_loss import TokenLoss, TokenLossModel
    from ...text.framing import Framing
    from ...text.tokenizers import TokenizerPair


@dataclass(frozen=True)
class ObjectiveContext:
    """What of a run an objective may need besides model and batch.

    label_smoothing: the recipe's `training.label_smoothing`.
    device: where the batches are; whatever else an objective computes with belongs there too.
    """

    label_smoothing: float
    seed: int
    tokenizers: TokenizerPair
    framing: Framing
    device: torch.device


class Objective(ABC):
    """What training minimises. One of the user's own is a class, named package.module:CLASS as `objective.kind`.

    Options: its options, which stand beside `kind` in the recipe.
    """

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any, context: ObjectiveContext) -> None:
        """Loads what it needs besides the model, such as a teacher; every process builds one, before the first step."""
        self.options = options
        self.context = context

    @abstractmethod
    def compute_sums(self, model: TokenLossModel, batch: dict[str, torch.Tensor]) -> TokenLoss:
        """The sum to minimise and the plain negative log-likelihood, over the N real target tokens of a batch.

        The model is called, as `model(**batch, criterion=...)`, and none of its parts alone: mixed precision and
        sharding lie around the call. `criterion` gets logits (N, V) and labels (N,) and returns both sums.

        Args:
            batch: `input_ids` (B, S); `attention_mask` (B, S), left out where nothing is padded; `labels` (B, T) filled
                up with -100; `real`, where their N real ones stand, to be left out by who changes them.
        """

    def renew(self, examples: EncodedExamples, epoch: int) -> EncodedExamples:
        """The pairs that an epoch, counted from 0, is trained on; by default always the same ones.

        A function of its arguments, the options and the context's seed alone, so that a run can be gone on with. What
        is validated and tested stays as it is.
        """
        return examples
