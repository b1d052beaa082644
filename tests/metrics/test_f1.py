"""F1 by hand."""

import pytest

from seq2seq.metrics.f1 import compute_f1


@pytest.mark.parametrize(
    ("precision", "recall", "f1"),
    [(1, 1, 1), (0.5, 1, 2 / 3), (0.25, 0.75, 0.375), (0, 0.5, 0), (0.5, 0, 0), (0, 0, 0)],
)
def test_f1_is_the_harmonic_mean_and_zero_where_either_is(precision, recall, f1):
    assert compute_f1(precision, recall) == pytest.approx(f1)
