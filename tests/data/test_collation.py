"""Collation: rows of ids into padded tensors, and an empty micro-batch that weighs nothing."""

from functools import partial

import numpy
import pytest
import torch

from seq2seq.data.collation import collate
from seq2seq.data.encoding import EncodedExamples, Truncation
from seq2seq.data.ragged import RaggedIds
from seq2seq.sources.padding import collate_ids, pad_rows

NONE_CUT = Truncation(texts=3, truncated=0, limit=9, longest=3)
EXAMPLES = EncodedExamples(
    RaggedIds([[5, 6], [7], [8, 9, 4]]), RaggedIds([[3, 2], [2], [4, 5, 2]]), NONE_CUT, NONE_CUT
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "pad", "padded"),
    [
        ([[5, 6], [7]], 0, [[5, 6], [7, 0]]),
        ([[5, 6], [7]], -100, [[5, 6], [7, -100]]),
        ([[5]], 0, [[5]]),
        ([], 0, [[0]]),
    ],
)
def test_rows_are_filled_up_on_the_right(rows, pad, padded):
    assert torch.equal(pad_rows(rows, pad), torch.tensor(padded))


def test_collated_examples_are_those_of_the_indices():
    batch = collate(EXAMPLES, numpy.array([1, 0]), partial(collate_ids, pad_id=0))
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[7, 0], [5, 6]],
        "attention_mask": [[1, 0], [1, 1]],
        "labels": [[2, -100], [3, 2]],
        "real": [0, 2, 3],
    }


def test_pad_id_inside_a_source_is_attended_to():
    # Ids of the source may equal the pad; the mask comes from lengths.
    batch = collate(EXAMPLES, numpy.array([2, 1]), partial(collate_ids, pad_id=9))
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_collated_tensors_are_64_bit_integers():
    assert {
        tensor.dtype for tensor in collate(EXAMPLES, numpy.array([0]), partial(collate_ids, pad_id=0)).values()
    } == {torch.int64}


def test_no_examples_give_one_row_that_weighs_nothing():
    batch = collate(EXAMPLES, numpy.array([], dtype=int), partial(collate_ids, pad_id=7))
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[7]], "labels": [[-100]], "real": [],
    }  # fmt: skip
