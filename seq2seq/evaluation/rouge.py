"""ROUGE-1, ROUGE-2 and ROUGE-L by rouge_score (Lin 2004): F1 with stemming, best reference, mean over the sentences."""

from collections.abc import Sequence

SIGNATURE = "rouge_score, F1, Porter stemmer, best of the references"


def compute_rouge(
    predictions: Sequence[str], references: Sequence[Sequence[str]], metrics: Sequence[str]
) -> dict[str, float]:
    """The metrics named (rouge1, rouge2, rougeL), each 0 to 100."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(metrics), use_stemmer=True)
    totals = dict.fromkeys(metrics, 0.0)
    for prediction, allowed in zip(predictions, references, strict=True):
        for metric, score in scorer.score_multi(list(allowed), prediction).items():
            totals[metric] += score.fmeasure
    return {metric: 100 * total / len(predictions) for metric, total in totals.items()}
