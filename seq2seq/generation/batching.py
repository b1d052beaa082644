"""What every pass over many examples does: batches of like lengths, and a model that is not training meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy

from ..modeling.token_loss import TokenLossModel

Result = TypeVar("Result")


def map_by_length(
    lengths: Sequence[int],
    fits: Callable[[int, int], bool],
    compute: Callable[[list[int]], Sequence[Result]],
    advance: Callable[[int], None],
) -> list[Result]:
    """The results of all examples in their order, computed in batches of like lengths.

    Args:
        lengths: of the examples.
        fits: whether a batch of this width may have so many rows; one row is always taken.
        compute: the results of a batch, given the indices of its examples.
        advance: told after every batch how many examples it finished.
    """
    results: list[Result | None] = [None] * len(lengths)
    for indices in _cut(lengths, fits):
        for index, result in zip(indices, compute(indices), strict=True):
            results[index] = result
        advance(len(indices))
    return results


def _cut(lengths: Sequence[int], fits: Callable[[int, int], bool]) -> list[list[int]]:
    """Indices in batches, longest first, so that memory runs out at once or never."""
    order = numpy.argsort(-numpy.asarray(lengths, dtype=numpy.int64), kind="stable").tolist()
    batches: list[list[int]] = []
    for index in order:
        if not batches or not fits(lengths[batches[-1][0]], len(batches[-1]) + 1):
            batches.append([])
        batches[-1].append(index)
    return batches


@contextmanager
def evaluating(model: TokenLossModel) -> Iterator[None]:
    """Puts the model into evaluation mode, and back into training mode where it was in that."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
