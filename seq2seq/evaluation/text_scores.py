"""STAND-IN until the metrics share is merged."""

from collections.abc import Sequence

from .options import EvaluationOptions
from .scores import compute_scores


def compute_text_scores(
    metric: str,
    sources: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> list[float]:
    chosen = options.model_copy(update={"metrics": (metric,)})
    return [
        compute_scores(sources=[s], predictions=[p], references=[r], options=chosen).values[metric]
        for s, p, r in zip(sources, predictions, references, strict=True)
    ]
