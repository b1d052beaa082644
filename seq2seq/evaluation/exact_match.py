"""Exact match: the share of predictions that equal one of their references."""

from collections.abc import Sequence


def compute_exact_match(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Percent, 0 to 100; the texts are compared as they are."""
    hits = sum(prediction in allowed for prediction, allowed in zip(predictions, references, strict=True))
    return 100 * hits / len(predictions)
