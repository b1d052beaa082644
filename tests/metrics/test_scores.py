"""Scores by name: the same normalisation of all texts, a value and a signature a metric."""

import pytest

from seq2seq.base.errors import ScoringError
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.scores import compare_predictions, compute_scores, compute_text_scores
from seq2seq.metrics.significance import Bootstrap, compare_paired, compute_interval
from seq2seq.metrics.table import METRICS

SOURCES = ["the cat sat . it was red .", "a dog ran . the bird flew ."]
PREDICTIONS = ["the cat that sat was red .", "a dog ran and the bird flew ."]
REFERENCES = [["the red cat sat .", "the cat that was red sat ."], ["a dog ran and the bird flew ."]]


# Metrics whose value of a right text is not 100: SARI's script has 0 for 0/0, the others do not measure rightness.
UNLIKE_100 = ("sari_xu", "repetition", "length_ratio", "copied_words")


def score(*metrics, sources=SOURCES, predictions=PREDICTIONS, references=REFERENCES, **options):
    options = EvaluationOptions(metrics=metrics, **options)
    return compute_scores(sources=sources, predictions=predictions, references=references, options=options)


def find_statistics(name, predictions=PREDICTIONS):
    return METRICS[name].compute_statistics(SOURCES, predictions, REFERENCES)


@pytest.mark.parametrize("name", list(METRICS))
def test_each_metric_has_the_value_of_its_own_statistics(name):
    assert score(*METRICS).values[name] == METRICS[name].aggregate(find_statistics(name).sum(axis=0))


@pytest.mark.parametrize("metric", [name for name in METRICS if name not in UNLIKE_100])
def test_prediction_of_the_only_reference_scores_100(metric):
    references = [[text] for text in PREDICTIONS]
    assert score(metric, references=references).values[metric] == pytest.approx(100)


def test_intervals_are_there_where_they_are_asked_for():
    options = EvaluationOptions(metrics=("rouge1", "exact_match"))
    columns = {"sources": SOURCES, "predictions": PREDICTIONS, "references": REFERENCES}
    scores = compute_scores(**columns, options=options, bootstrap=Bootstrap(seed=5))
    assert scores.intervals == {
        name: compute_interval(METRICS[name], find_statistics(name), seed=5) for name in options.metrics
    }
    assert compute_scores(**columns, options=options).intervals == {}


def test_progress_is_told_of_each_metric():
    done = []
    options = EvaluationOptions(metrics=("rouge1", "exact_match"))
    columns = {"sources": SOURCES, "predictions": PREDICTIONS, "references": REFERENCES}
    compute_scores(**columns, options=options, advance=lambda: done.append(1))
    assert len(done) == 2


def test_text_scores_are_those_of_each_text_alone():
    columns = {"sources": SOURCES, "predictions": PREDICTIONS, "references": REFERENCES}
    values = compute_text_scores("rouge1", **columns, options=EvaluationOptions())
    alone = [
        score("rouge1", sources=[source], predictions=[text], references=[row]).values["rouge1"]
        for source, text, row in zip(SOURCES, PREDICTIONS, REFERENCES, strict=True)
    ]
    assert values == alone


def test_comparison_is_the_paired_test_of_both_statistics():
    others = ["the cat sat .", PREDICTIONS[1]]
    comparison = compare_predictions(
        sources=SOURCES,
        predictions_a=PREDICTIONS,
        predictions_b=others,
        references=REFERENCES,
        options=EvaluationOptions(metrics=("rouge2", "sari")),
        bootstrap=Bootstrap(seed=3),
        trials=99,
    )["rouge2"]
    statistics = find_statistics("rouge2"), find_statistics("rouge2", others)
    assert comparison.test == compare_paired(METRICS["rouge2"], *statistics, trials=99, seed=3)
    assert comparison.value_a == score("rouge2").values["rouge2"]
    assert comparison.value_b == score("rouge2", predictions=others).values["rouge2"]
    assert comparison.signature == score("rouge2").signatures["rouge2"]


def test_line_breaks_part_sentences_though_spaces_are_collapsed():
    # Two sentences in the other order, without a mark: only the line break tells rougeLsum that they are two.
    texts = {"sources": [""], "predictions": ["four  five six\none two three"]}
    values = score("rougeL", "rougeLsum", "exact_match", **texts, references=[["one two three\nfour five  six"]]).values
    assert values == {"rougeL": 50.0, "rougeLsum": 100.0, "exact_match": 0.0}
    spaced = score("exact_match", sources=[""], predictions=["a\nb"], references=[["a b"]]).values
    assert spaced == {"exact_match": 100.0}


@pytest.mark.parametrize("metrics", [["bleu", "exact_match"], ["rougeL", "sari", "rouge1"]])
def test_values_and_signatures_come_in_the_order_of_the_metrics(metrics):
    scores = score(*metrics)
    assert (list(scores.values), list(scores.signatures)) == (metrics, metrics)


@pytest.mark.parametrize(
    ("metric", "part"),
    [
        ("exact_match", "any reference"),
        ("sari", "0/0 is 1"),
        ("sari_xu", "0/0 is 0"),
        ("rougeLsum", "sentences are lines"),
        ("chrf", "nc:6"),
        ("length_ratio", "closest in length"),
        ("repetition", "repeated word"),
        ("copied_words", "occur in the source"),
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


@pytest.mark.parametrize("row", [[], "a text"])
def test_text_without_a_list_of_references_is_refused(row):
    with pytest.raises(ScoringError, match="Text 2: expected a list of at least one reference, found"):
        score("exact_match", sources=["", ""], predictions=["a", "b"], references=[["a"], row])
