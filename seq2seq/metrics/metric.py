"""What a metric is: statistics of each text, and a value of their sums. Strings and figures only, no torch.

Corpus value, a text's own value, a bootstrap resample and a paired test are all the same two functions: statistics are
computed once, and whatever set of texts is asked about is a sum of their rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy

if TYPE_CHECKING:
    from .options import EvaluationOptions

Better = Literal["higher", "lower", "near_one"]


class Metric(ABC):
    """One metric. Values are 0 to 100, except those of ratios.

    better: which of two values is the better one; None where neither is, for metrics that describe.
    needs_sources: whether sources count; other metrics ignore them.
    by_lines: whether line breaks count, so that normalization has to leave them in.
    """

    name: str
    better: Better | None = "higher"
    needs_sources: bool = False
    by_lines: bool = False

    def adapt(self, references: Sequence[Sequence[str]], options: EvaluationOptions) -> Metric:
        """The metric for some references: itself, unless how it counts depends on their script or language."""
        return self

    @abstractmethod
    def compute_statistics(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> numpy.ndarray:
        """A row of figures for each text. Shape: [texts, statistics], float64."""

    @abstractmethod
    def aggregate(self, sums: numpy.ndarray) -> numpy.ndarray:
        """Values of sets of texts from the sums of their rows. Shape: [..., statistics] -> [...]."""

    @abstractmethod
    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        """The signature: what somebody needs to compute the same value."""

    def compute_text_values(self, statistics: numpy.ndarray) -> numpy.ndarray:
        """The value of each text alone. Shape: [texts, statistics] -> [texts]."""
        return self.aggregate(statistics)


class MeanMetric(Metric):
    """A metric whose corpus value is the mean over the texts. Statistics: the text's share of 1, and 1."""

    @abstractmethod
    def compute_shares(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> Iterable[float]:
        """The value of each text, 0 to 1."""

    def compute_statistics(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> numpy.ndarray:
        shares_of_texts = list(self.compute_shares(sources, predictions, references))
        shares = numpy.array(shares_of_texts, dtype=numpy.float64)
        return numpy.stack([shares, numpy.ones_like(shares)], axis=1)

    def aggregate(self, sums: numpy.ndarray) -> numpy.ndarray:
        return 100 * sums[..., 0] / sums[..., 1]
