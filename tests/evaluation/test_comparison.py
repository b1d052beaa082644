"""Comparison: what of case and spacing counts."""

import pytest

from seq2seq.evaluation.comparison import normalize_text
from seq2seq.evaluation.options import EvaluationOptions


@pytest.mark.parametrize(
    ("case", "spacing", "compared"),
    [
        ("keep", "keep", " It's \t here.\n"),
        ("keep", "collapse", "It's here."),
        ("keep", "separate_punctuation", "It ' s here ."),
        ("lower", "keep", " it's \t here.\n"),
        ("lower", "collapse", "it's here."),
        ("lower", "separate_punctuation", "it ' s here ."),
    ],
)
def test_text_is_compared_as_the_options_say(case, spacing, compared):
    assert normalize_text(" It's \t here.\n", EvaluationOptions(case=case, spacing=spacing)) == compared


@pytest.mark.parametrize("text", ["don ' t , ( x )", "don't, (x)", "don' t ,(x)"])
def test_separated_punctuation_forgets_the_spacing_around_marks(text):
    assert normalize_text(text, EvaluationOptions(spacing="separate_punctuation")) == "don ' t , ( x )"


@pytest.mark.parametrize("spacing", ["keep", "collapse", "separate_punctuation"])
def test_empty_text_stays_empty(spacing):
    assert normalize_text("", EvaluationOptions(spacing=spacing)) == ""
