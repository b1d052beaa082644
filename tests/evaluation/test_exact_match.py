"""Exact match, by counting."""

import pytest

from seq2seq.evaluation.exact_match import compute_exact_match


@pytest.mark.parametrize(
    ("predictions", "references", "percent"),
    [
        (["a", "b", "c", "d"], [["a"], ["x"], ["c"], ["D"]], 50.0),  # 2 of 4
        (["a"], [["b", "a"]], 100.0),  # any reference
        (["a"], [["ab"]], 0.0),
        (["a "], [["a"]], 0.0),  # as they are
        (["", "b", "c"], [[""], ["x"], ["y"]], 100 / 3),
    ],
)
def test_exact_match_is_the_share_of_predictions_that_equal_a_reference(predictions, references, percent):
    assert compute_exact_match(predictions, references) == percent


def test_exact_match_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="zip"):
        compute_exact_match(["a", "b"], [["a"]])
