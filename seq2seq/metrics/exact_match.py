"""Exact match: the share of predictions that equal one of their references."""

from collections.abc import Iterable, Sequence

from .metric import MeanMetric


class ExactMatch(MeanMetric):
    """Percent; the texts are compared as they are."""

    name = "exact_match"

    def compute_shares(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> Iterable[float]:
        return (float(text in allowed) for text, allowed in zip(predictions, references, strict=True))

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return "any reference"
