"""Rows of vectors into padded tensors; rows of ids have their tests in tests/data/test_collation.py."""

import numpy
import torch

from seq2seq.sources.padding import pad_sources


def test_vectors_are_filled_up_on_the_right_and_masked():
    rows = [numpy.array([[1.0, 2.0], [3.0, 4.0]]), numpy.array([[5.0, 6.0]])]
    padded, mask = pad_sources(rows, 0, "float32", (2,))
    assert torch.equal(padded, torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [0.0, 0.0]]]))
    assert mask.tolist() == [[1, 1], [1, 0]]


def test_no_vectors_give_one_row_that_counts_as_real():
    padded, mask = pad_sources([], 0, "float32", (2,))
    assert (padded.tolist(), mask.tolist()) == ([[[0.0, 0.0]]], [[1]])
