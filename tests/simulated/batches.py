"""A batch for tests on a simulated device."""

from functools import partial

import numpy

from seq2seq.data.collation import collate
from seq2seq.data.encoding import EncodedExamples, Truncation
from seq2seq.data.ragged import RaggedIds
from seq2seq.sources.padding import collate_ids


def build_batch(padded, pad_id):
    """Three pairs as the loader puts them together."""
    sources = [[5, 6, 7, 8, 9], [6, 7, 8, 9, 5], [7, 8, 5, 6, 9]]
    if padded:
        sources[1] = sources[1][:3]
    labels = [[5, 6, 7], [8, 9, 5, 6], [7]]
    whole = Truncation(texts=3, truncated=0, limit=16, longest=5)
    examples = EncodedExamples(RaggedIds(sources), RaggedIds(labels), whole, whole)
    return collate(examples, numpy.arange(3), partial(collate_ids, pad_id=pad_id))
