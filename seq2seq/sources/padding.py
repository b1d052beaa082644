"""Rows into padded tensors. Shapes: B examples, S longest of the batch."""

from collections.abc import Sequence

import numpy
import torch

from .source import Stored


def pad_rows(
    rows: Sequence[Stored],
    pad: float,
    dtype: str = "int64",
    width: tuple[int, ...] = (),
) -> torch.Tensor:
    """Rows filled up on the right to the longest. Example: [[5, 6], [7]], pad 0 -> [[5, 6], [7, 0]].

    Shape: (B, longest, *width); an empty list gives (1, 1, *width) of pad.
    """
    padded = numpy.full((max(1, len(rows)), max(map(len, rows), default=1), *width), pad, dtype=dtype)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return torch.from_numpy(padded)


def pad_sources(
    rows: Sequence[Stored],
    pad: float,
    dtype: str = "int64",
    width: tuple[int, ...] = (),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Padded sources and the mask of their real positions. [[5, 6], [7]] -> [[5, 6], [7, 0]], [[1, 1], [1, 0]]

    Shape: (B, S, *width) and (B, S), the mask int64; an empty list gives one row of a single pad that counts as real.
    """
    padded = pad_rows(rows, pad, dtype, width)
    lengths = torch.tensor([len(row) for row in rows] or [1])
    return padded, (torch.arange(padded.shape[1]) < lengths[:, None]).long()


def collate_ids(rows: Sequence[Stored], pad_id: int) -> dict[str, torch.Tensor]:
    """Token ids as the inputs of a model. Shape: both (B, S), int64."""
    input_ids, attention_mask = pad_sources(rows, pad_id)
    return {"input_ids": input_ids, "attention_mask": attention_mask}
