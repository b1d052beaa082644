"""ROUGE against rouge_score itself: F1 with stemming, best reference, mean over the sentences."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from seq2seq.evaluation.rouge import compute_rouge

PREDICTIONS = ["The cats were sitting on the mat.", "A dog ran away.", "Nothing alike"]
REFERENCES = [
    ["The cat sat on the mat.", "Cats sit on mats, it was said."],
    ["Away ran a dog."],
    ["other words", "still others", "nothing"],
]


@pytest.mark.parametrize("metric", ["rouge1", "rouge2", "rougeL"])
def test_rouge_equals_rouge_score_with_the_best_reference(metric):
    scorer = RougeScorer([metric], use_stemmer=True)
    best = [
        max(scorer.score(reference, prediction)[metric].fmeasure for reference in allowed)
        for prediction, allowed in zip(PREDICTIONS, REFERENCES, strict=True)
    ]
    assert compute_rouge(PREDICTIONS, REFERENCES, [metric]) == {metric: pytest.approx(100 * sum(best) / 3)}


def test_rouge_of_a_small_case_by_hand():
    # "a b c d" against "a b x d": 3 of 4 words; 1 of 3 pairs; the longest common subsequence "a b d" is 3 of 4.
    scores = compute_rouge(["alpha beta gamma delta"], [["alpha beta nu delta"]], ["rouge1", "rouge2", "rougeL"])
    assert scores == pytest.approx({"rouge1": 75.0, "rouge2": 100 / 3, "rougeL": 75.0})


def test_metrics_asked_for_together_equal_metrics_asked_for_alone():
    metrics = ["rougeL", "rouge1", "rouge2"]
    alone = {metric: compute_rouge(PREDICTIONS, REFERENCES, [metric])[metric] for metric in metrics}
    assert compute_rouge(PREDICTIONS, REFERENCES, metrics) == alone


def test_empty_prediction_scores_zero():
    assert compute_rouge([""], [["a word"]], ["rouge1", "rougeL"]) == {"rouge1": 0.0, "rougeL": 0.0}


def test_rouge_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="zip"):
        compute_rouge(["a", "b"], [["a"]], ["rouge1"])
