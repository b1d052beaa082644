"""Scores of predictions by the metrics' names: texts in, numbers from 0 to 100 out. No torch, no files."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ScoringError
from ..normalization import normalize_text
from .bleu import compute_bleu
from .exact_match import compute_exact_match
from .options import EvaluationOptions
from .rouge import SIGNATURE as ROUGE_SIGNATURE
from .rouge import compute_rouge
from .sari import compute_sari


@dataclass(frozen=True)
class Scores:
    """Values by metric, each 0 to 100, and how each was computed."""

    values: dict[str, float]
    signatures: dict[str, str]


def compute_scores(
    *,
    sources: Sequence[str],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    options: EvaluationOptions,
) -> Scores:
    """Scores predictions by `options.metrics`, after the same normalisation of all texts.

    Raises:
        ScoringError: there is nothing to score, or the three differ in number.
    """
    if not predictions or not len(sources) == len(predictions) == len(references):
        raise ScoringError(
            f"Expected as many sources and references as predictions, and at least one; found {len(sources)} sources, "
            f"{len(predictions)} predictions and {len(references)} sets of references."
        )
    sources = [normalize_text(text, options.normalization) for text in sources]
    predictions = [normalize_text(text, options.normalization) for text in predictions]
    references = [[normalize_text(text, options.normalization) for text in row] for row in references]
    rouge = [metric for metric in options.metrics if metric.startswith("rouge")]
    rouge_values = compute_rouge(predictions, references, rouge) if rouge else {}
    values, signatures = {}, {}
    comparison = f"compared after {', '.join(options.normalization) or 'no normalization'}"
    for metric in options.metrics:
        if metric in rouge_values:
            values[metric], signature = rouge_values[metric], ROUGE_SIGNATURE
        elif metric == "exact_match":
            values[metric], signature = compute_exact_match(predictions, references), "any reference"
        elif metric == "sari":
            values[metric] = compute_sari(sources, predictions, references)
            signature = "keep F1, add F1, delete precision, n 1-4, 0/0 is 1, mean over sentences"
        else:
            values[metric], signature = compute_bleu(predictions, references)
        signatures[metric] = f"{signature}; {comparison}"
    return Scores(values, signatures)
