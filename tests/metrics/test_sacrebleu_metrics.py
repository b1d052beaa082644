"""BLEU and chrF against sacrebleu itself, to the last digit: corpora, texts alone, and resamples of a corpus."""

import numpy
import pytest
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

from seq2seq.metrics.sacrebleu_metrics import transpose_references
from seq2seq.metrics.table import METRICS

NAMES = ["bleu", "chrf"]
SCORERS = {"bleu": BLEU, "chrf": CHRF}
PREDICTIONS = [
    "The cat sat on the mat today.",
    "A dog ran, and the birds flew away.",
    "",
    "No",
    "It's the 3.5th of them: small (and red).",
]
REFERENCES = [
    ["The cat sat on a mat today.", "Today the cat was sitting on the mat."],
    ["A dog ran and the birds flew away."],
    ["Something was expected here."],
    ["No", "Not at all", "No, no"],
    ["It is the 3.5th of them, small and red."],
]


def score_corpus(name: str, predictions, references) -> float:
    statistics = METRICS[name].compute_statistics([], predictions, references)
    return float(METRICS[name].aggregate(statistics.sum(axis=0)))


@pytest.mark.parametrize("name", NAMES)
def test_corpus_value_equals_sacrebleus_with_one_reference(name):
    references = [row[:1] for row in REFERENCES]
    expected = SCORERS[name]().corpus_score(PREDICTIONS, [[row[0] for row in references]]).score
    assert 0 < expected < 100
    assert score_corpus(name, PREDICTIONS, references) == expected


@pytest.mark.parametrize("name", NAMES)
def test_corpus_value_equals_sacrebleus_with_different_numbers_of_references(name):
    columns = [
        [REFERENCES[0][0], REFERENCES[1][0], REFERENCES[2][0], REFERENCES[3][0], REFERENCES[4][0]],
        [REFERENCES[0][1], None, None, REFERENCES[3][1], None],
        [None, None, None, REFERENCES[3][2], None],
    ]
    assert score_corpus(name, PREDICTIONS, REFERENCES) == SCORERS[name]().corpus_score(PREDICTIONS, columns).score


@pytest.mark.parametrize("name", NAMES)
def test_values_of_resamples_equal_sacrebleus_of_the_texts_drawn(name):
    generator = numpy.random.default_rng(3)
    drawn = generator.integers(len(PREDICTIONS), size=(20, len(PREDICTIONS)))
    statistics = METRICS[name].compute_statistics([], PREDICTIONS, REFERENCES)
    values = METRICS[name].aggregate(numpy.stack([statistics[row].sum(axis=0) for row in drawn]))
    expected = [
        SCORERS[name]()
        .corpus_score([PREDICTIONS[i] for i in row], transpose_references([REFERENCES[i] for i in row]))
        .score
        for row in drawn
    ]
    assert values.tolist() == expected


@pytest.mark.parametrize(("name", "scorer"), [("bleu", BLEU(effective_order=True)), ("chrf", CHRF())])
def test_text_values_equal_sacrebleus_sentence_scores(name, scorer):
    statistics = METRICS[name].compute_statistics([], PREDICTIONS, REFERENCES)
    expected = [scorer.sentence_score(*row).score for row in zip(PREDICTIONS, REFERENCES, strict=True)]
    assert METRICS[name].compute_text_values(statistics).tolist() == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2])
def test_signature_is_sacrebleus(name, count):
    references = [[row[0]] * count for row in REFERENCES]
    scorer = SCORERS[name]()
    scorer.corpus_score(PREDICTIONS, transpose_references(references))
    assert METRICS[name].format_signature(references) == str(scorer.get_signature())


def test_signature_says_that_numbers_of_references_differ():
    assert METRICS["bleu"].format_signature(REFERENCES) == (
        f"nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )


def test_references_are_transposed_with_gaps():
    assert transpose_references([["a", "b"], ["c"]]) == [["a", "c"], ["b", None]]


def test_bleu_counts_case():
    assert score_corpus("bleu", PREDICTIONS[:2], [[text.lower()] for text in PREDICTIONS[:2]]) < 100


def test_arguments_are_left_as_they_were():
    references = [list(row) for row in REFERENCES]
    METRICS["bleu"].compute_statistics([], tuple(PREDICTIONS), references)
    assert references == REFERENCES
