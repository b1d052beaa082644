"""Sampling that does not depend on batches: every row draws from a generator of its own, seeded by its place."""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from ..base.randomness import derive_seed
from .options import GenerationOptions


class Draws(LogitsProcessor):
    """Makes the likeliest token a draw: with Gumbel noise added, each token is the highest with its probability.

    `places` are the numbers of the sources in the whole input; each has `num_outputs` rows, one behind the other.
    """

    def __init__(self, options: GenerationOptions, places: Sequence[int]) -> None:
        self.warpers = [TemperatureLogitsWarper(options.temperature)]
        if options.top_k:
            self.warpers.append(TopKLogitsWarper(options.top_k))
        if options.top_p < 1:
            self.warpers.append(TopPLogitsWarper(options.top_p))
        self.generators = []
        for place in places:
            for number in range(options.num_outputs):
                seed = derive_seed(options.seed, "sampling", place, number)
                self.generators.append(torch.Generator().manual_seed(seed))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Shape: ids (B, T), scores (B, V)."""
        for warper in self.warpers:
            scores = warper(input_ids, scores)
        # Drawn on the processor: the draws are those of any device.
        rows = [torch.rand(scores.shape[1], generator=generator) for generator in self.generators]
        uniform = torch.stack(rows)
        # Where a number is exactly 0 the noise is minus infinity: that token is just not drawn.
        gumbel = -torch.log(-torch.log(uniform))
        return scores + gumbel.to(scores.device)
