"""Sampling that does not depend on batches: every row draws numbers of its own, known by its place and the step alone.

Drawn where the scores are, so that nothing is copied there for a token. Shapes: B rows, T positions, V vocabulary.
"""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from ..base.randomness import derive_seed
from .options import GenerationOptions

# SplitMix64 (Steele, Lea and Flood 2014), as 64 bits with a sign: torch has no others that it multiplies.
GAMMA = 0x9E3779B97F4A7C15 - 2**64
FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
SHIFTS = (30, 27, 31)
BITS = 31  # of a number that are drawn: near 0 a float32 has all of them


class Draws(LogitsProcessor):
    """Makes the likeliest token a draw: with Gumbel noise added, each token is the highest with its probability.

    `places` are the numbers of the sources in the whole input; each has `num_outputs` rows, one behind the other.
    """

    def __init__(self, options: GenerationOptions, places: Sequence[int], device: torch.device) -> None:
        self.warpers = [TemperatureLogitsWarper(options.temperature)]
        if options.top_k:
            self.warpers.append(TopKLogitsWarper(options.top_k))
        if options.top_p < 1:
            self.warpers.append(TopPLogitsWarper(options.top_p))
        keys = []
        for place in places:
            for number in range(options.num_outputs):
                keys.append([derive_seed(options.seed, "sampling", place, number)])
        self.keys = torch.tensor(keys).to(device)  # (B, 1)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Shape: ids (B, T), scores (B, V)."""
        for warper in self.warpers:
            scores = warper(input_ids, scores)
        uniform = draw_uniform(self.keys, input_ids.shape[1], scores.shape[1])
        # Where a number is rounded to exactly 1 the noise is minus infinity: that token is just not drawn.
        return scores - torch.log(-torch.log1p(-uniform))


def draw_uniform(keys: torch.Tensor, step: int, count: int) -> torch.Tensor:
    """Numbers above 0 and up to 1 (B, count), for each of the keys (B, 1): the same on every device.

    Each key and step begin a stream of SplitMix64, whose numbers need none of those before.
    """
    starts = _mix(keys + _wrap(step * GAMMA))
    counters = torch.arange(1, count + 1, device=keys.device) * GAMMA
    bits = _mix(starts + counters)
    return bits.bitwise_right_shift_(64 - BITS).bitwise_and_(2**BITS - 1).add(0.5).mul_(2.0**-BITS)


def _mix(numbers: torch.Tensor) -> torch.Tensor:
    """The finalizer of SplitMix64, in place: of a large vocabulary most of the time goes by in memory."""
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        # Filled up with zeros, where torch fills up with the sign.
        shifted = (numbers >> shift).bitwise_and_(2 ** (64 - shift) - 1)
        numbers.bitwise_xor_(shifted)
        if factor != 1:
            numbers.mul_(factor)
    return numbers


def _wrap(number: int) -> int:
    """A whole number as 64 bits with a sign have it."""
    return (number + 2**63) % 2**64 - 2**63
