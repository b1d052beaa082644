"""The metrics as classes of `evaluate`, without the network: the same values as our own."""

import re
from pathlib import Path

import pytest

import seq2seq
from seq2seq.base.errors import ScoringError
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.scores import compute_scores
from seq2seq.metrics.table import METRICS

SOURCES = ["the cat sat . it was red .", "a dog ran . the bird flew ."]
PREDICTIONS = ["the cat that sat was red .", "a dog ran and the bird flew ."]
REFERENCES = [["the red cat sat .", "the cat that was red sat ."], "a dog ran and the bird flew ."]
LISTED = [row if isinstance(row, list) else [row] for row in REFERENCES]


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.setenv("HF_EVALUATE_OFFLINE", "1")
        from seq2seq.metrics import evaluate_metrics

        types = [value for value in vars(evaluate_metrics).values() if isinstance(value, type)]
        base = evaluate_metrics.TextMetric
        yield {value.metric_name: value for value in types if issubclass(value, base) and value is not base}


@pytest.fixture
def build(classes, tmp_path):
    return lambda name: classes[name](cache_dir=str(tmp_path))


def test_every_metric_has_its_class(classes):
    assert set(classes) == set(METRICS)


@pytest.mark.parametrize("name", list(METRICS))
def test_class_computes_the_metrics_own_value(build, name):
    columns = {"sources": SOURCES} if METRICS[name].needs_sources else {}
    computed = build(name).compute(predictions=PREDICTIONS, references=REFERENCES, **columns)
    expected = compute_scores(
        sources=SOURCES,
        predictions=PREDICTIONS,
        references=LISTED,
        options=EvaluationOptions(metrics=(name,), normalization=()),
    )
    assert computed == expected.values


def test_texts_may_be_added_one_by_one_and_in_batches(build):
    one_by_one, in_batches = build("rouge1"), build("rouge1")
    for prediction, reference in zip(PREDICTIONS, REFERENCES, strict=True):
        one_by_one.add(prediction=prediction, reference=reference)
        in_batches.add_batch(predictions=[prediction], references=[reference])
    expected = build("rouge1").compute(predictions=PREDICTIONS, references=REFERENCES)
    assert one_by_one.compute() == in_batches.compute() == expected


def test_combined_metrics_take_texts_one_by_one_and_together(build):
    import evaluate

    columns = {"predictions": PREDICTIONS, "references": LISTED, "sources": SOURCES}
    together, one_by_one = (evaluate.combine([build("rouge1"), build("sari")]) for _ in range(2))
    for source, prediction, references in zip(SOURCES, PREDICTIONS, LISTED, strict=True):
        one_by_one.add(predictions=prediction, references=references, sources=source)
    options = EvaluationOptions(metrics=("rouge1", "sari"), normalization=())
    expected = compute_scores(sources=SOURCES, predictions=PREDICTIONS, references=LISTED, options=options).values
    assert one_by_one.compute() == together.compute(**columns) == expected


def test_predictions_without_references_are_refused(build):
    with pytest.raises(ScoringError, match="Expected references, found none. Give a string or a list of strings"):
        build("rouge1").compute(predictions=PREDICTIONS)
    with pytest.raises(ScoringError, match="Expected references, found none"):
        build("rouge1").add(prediction="a")
    with pytest.raises(ScoringError, match="Text 1: expected a list of at least one reference"):
        build("rouge1").compute(predictions=["a"], references=[[]])


@pytest.mark.parametrize("name", ["bleu", "exact_match", "length_ratio"])
def test_nothing_to_score_is_refused(build, name):
    with pytest.raises(ScoringError, match="and at least one; found 0 sources, 0 predictions"):
        build(name).compute(predictions=[], references=[])


def test_sources_are_required_where_they_count(build):
    with pytest.raises(ValueError, match=r"inputs are missing: \['sources'\]"):
        build("sari").compute(predictions=PREDICTIONS, references=REFERENCES)


def test_nothing_else_imports_evaluate():
    package = Path(seq2seq.__file__).parent
    importing = {
        path.name
        for path in package.rglob("*.py")
        if re.search(
            r"^\s*(import|from) evaluate\b|evaluate_metrics import|import evaluate_metrics", path.read_text(), re.M
        )
    }
    assert importing == {"evaluate_metrics.py"}


def test_options_of_evaluation_may_be_given_with_the_texts(build):
    texts = {"predictions": ["你好世界"], "references": ["你好世界"]}
    assert build("bleu").compute(**texts)["bleu"] == pytest.approx(100)  # by the tokenizer of their script
    assert build("bleu").compute(**texts, bleu_tokenizer="13a") == {"bleu": 0}
    german = {"predictions": ["Häuser"], "references": ["Haus"]}
    assert build("rouge1_words").compute(**german) == {"rouge1_words": 0}
    assert build("rouge1_words").compute(**german, language="de") == {"rouge1_words": 100}
    with pytest.raises(ScoringError, match="bleu_tokeniser: unknown key"):
        build("bleu").compute(**texts, bleu_tokeniser="char")
