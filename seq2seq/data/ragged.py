"""Rows of different lengths in one flat array, in memory or mapped from a file: token ids, or vectors of figures.

Millions of examples cost what their values cost: four bytes a token.
"""

from collections.abc import Callable, Iterable, Sequence, Sized
from itertools import chain
from typing import Self

import numpy

from ..sources.source import Stored

ID_TYPE = numpy.int32
CountPositions = Callable[[numpy.ndarray], numpy.ndarray]  # of stored lengths, the lengths that the model attends to


class RaggedRows:
    """Rows whose positions each hold a number or a vector.

    values: (all positions, *width). stored_lengths: (rows,), positions of `values`. lengths: (rows,), the same in
    positions that the model attends to.
    """

    def __init__(
        self,
        values: numpy.ndarray,
        stored_lengths: numpy.ndarray,
        count_positions: CountPositions = lambda lengths: lengths,
    ) -> None:
        """Holds arrays that are there already, in memory or mapped from a file; nothing is copied."""
        self.values = values
        self.stored_lengths = stored_lengths
        self.count_positions = count_positions
        self.lengths = count_positions(stored_lengths)
        # A length fits in 32 bits, the sum of all lengths of a large corpus does not.
        self.offsets = numpy.zeros(len(stored_lengths) + 1, dtype=numpy.int64)
        numpy.cumsum(stored_lengths, dtype=numpy.int64, out=self.offsets[1:])

    def __len__(self) -> int:
        return len(self.stored_lengths)

    def __getitem__(self, index: int) -> numpy.ndarray:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    @property
    def ids(self) -> numpy.ndarray:
        """The values, where they are token ids."""
        return self.values

    def stack_like(self, rows: Iterable[Stored]) -> "RaggedRows":
        """Other rows of the same kind."""
        rows = list(rows)
        values = stack_values(rows, self.values.dtype, self.values.shape[1:])
        return RaggedRows(values, measure_rows(rows), self.count_positions)


class RaggedIds(RaggedRows):
    """Rows of token ids.

    Example: rows [[5, 6], [7]] are ids [5, 6, 7] and offsets [0, 2, 3].
    """

    def __init__(self, rows: Iterable[Stored]) -> None:
        rows = list(rows)
        super().__init__(stack_values(rows, ID_TYPE), measure_rows(rows))

    @classmethod
    def from_arrays(cls, ids: numpy.ndarray, lengths: numpy.ndarray) -> Self:
        """Rows that stand in arrays already."""
        # Past this class's own __init__, which would copy them.
        rows = cls.__new__(cls)
        RaggedRows.__init__(rows, ids, lengths)
        return rows


def measure_rows(rows: Sequence[Sized]) -> numpy.ndarray:
    """The length of each row. Shape: (rows,)"""
    return numpy.fromiter(map(len, rows), dtype=ID_TYPE, count=len(rows))


def stack_values(
    rows: Sequence[Stored],
    dtype: numpy.typing.DTypeLike,
    width: tuple[int, ...] = (),
) -> numpy.ndarray:
    """All positions of the rows behind each other. Shape: (all positions, *width)

    Raises:
        ValueError: a position of a row has another shape.
    """
    if not width:
        return numpy.fromiter(
            chain.from_iterable(rows),
            dtype=dtype,
            count=sum(map(len, rows)),
        )
    # Nothing, in the right shape: numpy concatenates no empty list.
    arrays = [numpy.zeros((0, *width), dtype=dtype)]
    arrays += [numpy.asarray(row, dtype=dtype) for row in rows if len(row)]
    return numpy.concatenate(arrays)
