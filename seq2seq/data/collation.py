"""Rows of ids into padded tensors. Shapes: B examples, S longest source, T longest target of the micro-batch."""

from collections.abc import Sequence

import numpy
import torch

from ..modeling.token_loss import IGNORED_LABEL
from .encoding import EncodedExamples


def pad_rows(rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    """Rows filled up on the right to the longest. Example: [[5, 6], [7]], pad 0 -> [[5, 6], [7, 0]].

    Shape: (B, longest), int64; an empty list gives (1, 1) of pad.
    """
    padded = numpy.full((max(1, len(rows)), max(map(len, rows), default=1)), pad, dtype=numpy.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return torch.from_numpy(padded)


def pad_sources(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Padded ids of sources and the mask of their real tokens. [[5, 6], [7]] -> [[5, 6], [7, 0]], [[1, 1], [1, 0]]

    Shape: both (B, S), int64; an empty list gives one row of a single pad that counts as real.
    """
    input_ids = pad_rows(rows, pad_id)
    lengths = torch.tensor([len(row) for row in rows] or [1])
    return input_ids, (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()


def collate(examples: EncodedExamples, indices: numpy.ndarray, pad_id: int) -> dict[str, torch.Tensor]:
    """The model's inputs for some examples.

    No indices give one row of a single pad and an ignored label: it runs through the model and weighs nothing.

    Shape: input_ids and attention_mask (B, S); labels (B, T), -100 behind the target.
    """
    input_ids, attention_mask = pad_sources([examples.sources[index] for index in indices], pad_id)
    labels = pad_rows([examples.labels[index] for index in indices], IGNORED_LABEL)
    return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
