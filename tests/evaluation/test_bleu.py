"""BLEU against sacrebleu itself, with equal and different numbers of references."""

import pytest
import sacrebleu

from seq2seq.evaluation.bleu import compute_bleu

PREDICTIONS = ["The cat sat on the mat today.", "A dog ran, and the birds flew away."]
REFERENCES = [
    ["The cat sat on a mat today.", "Today the cat was sitting on the mat."],
    ["A dog ran and the birds flew away.", "The birds flew away from the running dog."],
]


def test_bleu_equals_sacrebleu_with_one_reference():
    references = [row[:1] for row in REFERENCES]
    expected = sacrebleu.corpus_bleu(PREDICTIONS, [[row[0] for row in references]]).score
    assert compute_bleu(PREDICTIONS, references)[0] == expected
    assert 0 < expected < 100


def test_bleu_equals_sacrebleu_with_two_references():
    columns = [list(column) for column in zip(*REFERENCES, strict=True)]
    assert compute_bleu(PREDICTIONS, REFERENCES)[0] == sacrebleu.corpus_bleu(PREDICTIONS, columns).score


@pytest.mark.parametrize("short", [0, 1])
def test_bleu_with_different_numbers_of_references_equals_sacrebleu_with_one_repeated(short):
    # A reference given twice changes no BLEU, so repeating one fills the columns that sacrebleu wants.
    references = [row[:1] if index == short else row for index, row in enumerate(REFERENCES)]
    columns = [[row[0] for row in references], [row[-1] for row in references]]
    assert compute_bleu(PREDICTIONS, references)[0] == pytest.approx(sacrebleu.corpus_bleu(PREDICTIONS, columns).score)


def test_bleu_of_the_references_is_100():
    assert compute_bleu([row[1] for row in REFERENCES], REFERENCES)[0] == pytest.approx(100)


def test_bleu_counts_case():
    assert compute_bleu(PREDICTIONS, [[text.lower()] for text in PREDICTIONS])[0] < 100


@pytest.mark.parametrize(("references", "number"), [(REFERENCES, "2"), ([REFERENCES[0], REFERENCES[1][:1]], "var")])
def test_signature_quotes_settings_and_number_of_references(references, number):
    signature = compute_bleu(PREDICTIONS, references)[1]
    expected = f"nrefs:{number}|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    assert signature == expected


def test_arguments_are_left_as_they_were():
    references = [list(row) for row in REFERENCES]
    compute_bleu(tuple(PREDICTIONS), references)
    assert references == REFERENCES
