"""Lengths of texts in tokens against a limit: percentiles, and how much is truncated."""

from dataclasses import dataclass

import numpy

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class LengthSummary:
    """Lengths of one side of a split in tokens, marks included, before truncation.

    percentiles: by share in percent, written as text ('95'), the shortest limit that holds this share of the texts.
    """

    texts: int
    tokens: int
    limit: int
    truncated: int
    longest: int
    percentiles: dict[str, int]

    @property
    def share_truncated(self) -> float:
        return self.truncated / self.texts


def summarize_lengths(lengths: numpy.ndarray, limit: int) -> LengthSummary:
    """The summary of uncut lengths.

    Example: lengths 1, 2, ..., 10 and limit 8 -> 2 truncated, percentile 50 is 5 (half of them are at most that long).
    """
    # Lengths that occur, where numpy's own method would give numbers between two.
    held = numpy.percentile(lengths, PERCENTILES, method="inverted_cdf")
    return LengthSummary(
        texts=len(lengths),
        tokens=int(lengths.sum(dtype=numpy.int64)),
        limit=limit,
        truncated=int((lengths > limit).sum()),
        longest=int(lengths.max()),
        percentiles={str(share): int(value) for share, value in zip(PERCENTILES, held, strict=True)},
    )
