"""Normalization: each normalizer on texts whose outcome is written out by hand, and the list of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.metrics.options import EvaluationOptions
from seq2seq.text.normalization import NORMALIZERS, normalize_text


@pytest.mark.parametrize(
    ("normalizer", "text", "expected"),
    [
        ("lowercase", "It's HERE.", "it's here."),
        ("lowercase", "ÄRGER", "ärger"),
        ("collapse_spaces", " It's \t here.\n", "It's here."),
        ("straight_quotes", "“It’s” `` it ''", '"It\'s" " it "'),
        ("straight_quotes", "« oui » „ja“", '" oui " "ja"'),
        ("straight_quotes", "‘‘so’’ `‘so’'", '"so" "so"'),  # two single ones are a double one, whichever they are
        ("separate_punctuation", "It's here.", "It ' s here ."),
        ("separate_punctuation", "don' t ,(x)", "don ' t , ( x )"),
        (
            "separate_punctuation",
            "cafe\u0301s, नमस्ते ❤\ufe0f!",
            "cafe\u0301s , नमस्ते ❤\ufe0f !",
        ),  # no letter loses its accent
        ("join_sentences", "One . <::::> Two .", "One . Two ."),
        ("join_sentences", "Nothing  to join.", "Nothing  to join."),
        ("nfc", "e\u0301", "\u00e9"),
    ],
)
def test_normalizer(normalizer, text, expected):
    assert normalize_text(text, [normalizer]) == expected


def test_normalizers_are_taken_in_the_order_of_the_list():
    assert normalize_text("“It’s”", ["straight_quotes", "separate_punctuation"]) == '" It \' s "'
    assert normalize_text("“It’s”", ["separate_punctuation", "straight_quotes"]) == '" It \' s "'
    assert normalize_text("`` A", ["straight_quotes", "separate_punctuation"]) == '" A'
    assert normalize_text("`` A", ["separate_punctuation", "straight_quotes"]) == "' ' A"


def test_no_normalizers_leave_a_text_as_it_is():
    assert normalize_text(" It's \t here.\n", []) == " It's \t here.\n"


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_empty_text_stays_empty(normalizer):
    assert normalize_text("", [normalizer]) == ""


# Not so: İ lowers to two characters, marks may close up to a separator or an entity, quotes pair up anew.
NOT_IDEMPOTENT = ("lowercase", "join_sentences", "detokenize")


@pytest.mark.parametrize("normalizer", [normalizer for normalizer in NORMALIZERS if normalizer not in NOT_IDEMPOTENT])
@given(text=st.text())
def test_a_normalizer_taken_twice_is_a_normalizer_taken_once(normalizer, text):
    once = normalize_text(text, [normalizer])
    assert normalize_text(once, [normalizer]) == once


@pytest.mark.parametrize("text", ["don ' t , ( x )", "don't, (x)", "don' t ,(x)"])
def test_separated_punctuation_forgets_the_spacing_around_marks(text):
    assert normalize_text(text, ["separate_punctuation"]) == "don ' t , ( x )"


def test_unknown_normalizer_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="unknown normalizer 'lower'; expected some of lowercase, collapse_spaces"):
        EvaluationOptions(normalization=["lower"])


def test_normalizer_named_twice_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        EvaluationOptions(normalization=["nfc", "nfc"])
