"""Rows of vectors in one flat array; rows of ids have their tests in test_encoding.py."""

import numpy
import pytest

from seq2seq.data.ragged import RaggedRows, measure_rows, stack_values

ROWS = [[[1.0, 2.0], [3.0, 4.0]], [], [[5.0, 6.0]]]


def build(count_positions=lambda lengths: lengths) -> RaggedRows:
    return RaggedRows(stack_values(ROWS, "float32", (2,)), measure_rows(ROWS), count_positions)


def test_vectors_come_back_as_given():
    rows = build()
    assert (rows.values.shape, rows.values.dtype) == ((3, 2), numpy.float32)
    assert [rows[index].tolist() for index in range(3)] == ROWS


def test_lengths_are_in_positions_that_the_model_attends_to():
    rows = build(lambda lengths: (lengths + 1) // 2)
    assert (rows.stored_lengths.tolist(), rows.lengths.tolist()) == ([2, 0, 1], [1, 0, 1])
    assert rows[0].tolist() == ROWS[0]


def test_other_rows_of_the_same_kind_are_counted_alike():
    rows = build(lambda lengths: (lengths + 1) // 2).stack_like([ROWS[2], ROWS[0]])
    assert (rows.stored_lengths.tolist(), rows.lengths.tolist()) == ([1, 2], [1, 1])
    assert (rows.values.dtype, rows[1].tolist()) == (numpy.float32, ROWS[0])


def test_no_rows_have_the_width_all_the_same():
    assert stack_values([], "float32", (2,)).shape == (0, 2)


def test_position_of_another_width_is_refused():
    with pytest.raises(ValueError, match="dimension"):
        stack_values([[[1.0, 2.0]], [[1.0]]], "float32", (2,))
