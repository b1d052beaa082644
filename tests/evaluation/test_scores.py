"""Scores by name: the same normalisation of all texts, a value and a signature a metric."""

import pytest

from seq2seq.errors import ScoringError
from seq2seq.evaluation.bleu import compute_bleu
from seq2seq.evaluation.options import METRICS, EvaluationOptions
from seq2seq.evaluation.rouge import compute_rouge
from seq2seq.evaluation.sari import compute_sari
from seq2seq.evaluation.scores import compute_scores

SOURCES = ["the cat sat . it was red .", "a dog ran . the bird flew ."]
PREDICTIONS = ["the cat that sat was red .", "a dog ran and the bird flew ."]
REFERENCES = [["the red cat sat .", "the cat that was red sat ."], ["a dog ran and the bird flew ."]]


def score(*metrics, sources=SOURCES, predictions=PREDICTIONS, references=REFERENCES, **options):
    options = EvaluationOptions(metrics=metrics, **options)
    return compute_scores(sources=sources, predictions=predictions, references=references, options=options)


def test_each_metric_has_the_value_of_its_own_function():
    rouge = compute_rouge(PREDICTIONS, REFERENCES, ["rouge1", "rouge2", "rougeL"])
    assert score(*METRICS).values == {
        "exact_match": 50.0,
        "sari": compute_sari(SOURCES, PREDICTIONS, REFERENCES),
        "bleu": compute_bleu(PREDICTIONS, REFERENCES)[0],
        **rouge,
    }


@pytest.mark.parametrize("metric", METRICS)
def test_prediction_of_the_only_reference_scores_100(metric):
    references = [[text] for text in PREDICTIONS]
    assert score(metric, references=references).values[metric] == pytest.approx(100)


@pytest.mark.parametrize("metrics", [["bleu", "exact_match"], ["rougeL", "sari", "rouge1"]])
def test_values_and_signatures_come_in_the_order_of_the_metrics(metrics):
    scores = score(*metrics)
    assert (list(scores.values), list(scores.signatures)) == (metrics, metrics)


@pytest.mark.parametrize(
    ("metric", "part"),
    [
        ("exact_match", "any reference"),
        ("sari", "0/0 is 1"),
        ("bleu", "tok:13a"),
        ("rouge2", "Porter stemmer"),
    ],
)
def test_signature_says_how_the_value_was_computed(metric, part):
    signature = score(metric, normalization=["lowercase"]).signatures[metric]
    assert part in signature
    assert signature.endswith("; compared after lowercase")


@pytest.mark.parametrize("side", ["sources", "predictions", "references"])
def test_case_counts_on_no_side_behind_lowercase(side):
    upper = {
        "sources": [text.upper() for text in SOURCES],
        "predictions": [text.upper() for text in PREDICTIONS],
        "references": [[text.upper() for text in row] for row in REFERENCES],
    }
    assert score("sari", **{side: upper[side]}, normalization=["lowercase"]) == score(
        "sari", normalization=["lowercase"]
    )
    assert score("sari", **{side: upper[side]}).values != score("sari").values


@pytest.mark.parametrize(
    ("steps", "percent"), [((), 0.0), (("collapse_spaces",), 50.0), (("separate_punctuation",), 100.0)]
)
def test_texts_are_compared_after_the_steps_of_the_options(steps, percent):
    # The first prediction differs by a double space, the second by the space in front of its full stop.
    predictions, references = ["a  b", "it ran ."], [["a b"], ["it ran."]]
    scores = score("exact_match", sources=["", ""], predictions=predictions, references=references, normalization=steps)
    assert scores.values == {"exact_match": percent}


@pytest.mark.parametrize(
    ("sources", "predictions", "references", "found"),
    [
        ([], [], [], "found 0 sources, 0 predictions and 0 sets of references"),
        (["a"], ["a", "b"], [["a"], ["b"]], "found 1 sources, 2 predictions and 2 sets"),
        (["a", "b"], ["a", "b"], [["a"]], "found 2 sources, 2 predictions and 1 sets"),
    ],
)
def test_lists_of_different_lengths_are_refused(sources, predictions, references, found):
    with pytest.raises(ScoringError, match=found):
        score("exact_match", sources=sources, predictions=predictions, references=references)
