"""Metrics that count words: how long predictions are, and how much of them stands in the source.

Both are quotients of sums over all texts, so that a long text weighs more than a short one. Words are those of
`words.list_words`; a script without spaces has few of them.
"""

from collections.abc import Sequence

import numpy

from .metric import Metric
from .words import list_words


class LengthRatio(Metric):
    """Words of the predictions over words of the references, a ratio; of several references the closest in length.

    The closest, and of two as close the shorter, is the reference that BLEU's brevity penalty measures against.
    """

    name = "length_ratio"
    better = "near_one"

    def compute_statistics(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> numpy.ndarray:
        rows = []
        for prediction, allowed in zip(predictions, references, strict=True):
            written = len(list_words(prediction))
            lengths = [len(list_words(reference)) for reference in allowed]
            rows.append((written, _find_closest(lengths, written)))
        return numpy.array(rows, dtype=numpy.float64)

    def aggregate(self, sums: numpy.ndarray) -> numpy.ndarray:
        written = sums[..., 0]
        wanted = sums[..., 1]
        # Where no reference has a word, none too many is right, and every word counts as one.
        return numpy.where(wanted > 0, written / numpy.maximum(wanted, 1), 1 + written)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "words of all predictions / words of the references closest in length"


def _find_closest(lengths: list[int], written: int) -> int:
    """The length closest to that written; of two as close the shorter."""
    return min(lengths, key=lambda length: (abs(length - written), length))


class CopiedWords(Metric):
    """Percent of the predictions' words that occur in their sources, in any case of letters; no word: 0."""

    name = "copied_words"
    better = None
    needs_sources = True

    def compute_statistics(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> numpy.ndarray:
        rows = []
        for source, prediction in zip(sources, predictions, strict=True):
            read = set(list_words(source))
            written = list_words(prediction)
            copied = sum(word in read for word in written)
            rows.append((copied, len(written)))
        return numpy.array(rows, dtype=numpy.float64)

    def aggregate(self, sums: numpy.ndarray) -> numpy.ndarray:
        return 100 * sums[..., 0] / numpy.maximum(sums[..., 1], 1)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "words of all predictions that occur in the source, lower-cased"
