"""What every pass over many examples does: batches of like lengths, and a model that is not training meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy

from ..modeling.token_loss import TokenLossModel


def cut_by_length(lengths: Sequence[int], fits: Callable[[int, int], bool]) -> list[list[int]]:
    """Indices in batches, longest first, so that memory runs out at once or never.

    Args:
        fits: whether a batch of this width may have so many rows; one row is always taken.
    """
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
