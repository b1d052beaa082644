"""What a source is: how a value is read, measured, stored, put into a batch and shown. Imports no torch.

The rest of the house handles values as they come, and stored rows by their lengths; it does not know what they are.

Shapes: B examples, P stored positions of a value, S longest of a batch.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypeVar

import numpy

from ..base.errors import DataError, TokenizerError
from ..base.options import Options
from .columns import find_value, format_columns

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from ..text.framing import Framing
    from .columns import Row

Stored: TypeAlias = Sequence[Any] | numpy.ndarray  # a value as it is stored: a row of figures for each position
CollateSources = Callable[[Sequence[Stored]], "dict[str, torch.Tensor]"]
Part = TypeVar("Part")  # of a model
SHOWN_CHARACTERS = 80  # of a value that is no text


@dataclass(frozen=True)
class SourceContext:
    """What of a run or checkpoint a source may need besides its options.

    tokenizer, framing: the model's for sources; None where values are only read. normalization: `data.normalization`.
    max_source_tokens: the most positions of a source. pad_id: what fills up token ids.
    """

    tokenizer: PreTrainedTokenizerFast | None = None
    framing: Framing | None = None
    max_source_tokens: int = 128
    normalization: tuple[str, ...] = ()
    pad_id: int = 0

    def get_tokenizer(self) -> PreTrainedTokenizerFast:
        """The model's tokenizer.

        Raises:
            TokenizerError: there is none: values are only read.
        """
        return _require(self.tokenizer, "tokenizer")

    def get_framing(self) -> Framing:
        """The model's framing.

        Raises:
            TokenizerError: there is none: values are only read.
        """
        return _require(self.framing, "framing")


def _require(part: Part | None, name: str) -> Part:
    if part is None:
        raise TokenizerError(f"Values are only read here, so there is no {name}. Build the source for a model.")
    return part


class Source(ABC):
    """What a model reads. One of the user's own is a class, named package.module:CLASS as `source.kind`.

    Options: its options, which stand beside `kind` in the recipe.
    is_text: whether values are texts, which alone can be lines of a file, normalized, copied and compared with outputs.
    input_names: the names by which the model's encoder takes a batch, values first, then the mask of real positions.
    dtype, width: number type and shape of what is stored for a position: () for ids, (k,) for vectors.
    marks: positions that `truncate` adds to a whole value.
    """

    Options: ClassVar[type[Options]] = Options
    is_text: ClassVar[bool] = False
    input_names: tuple[str, str] = ("inputs_embeds", "attention_mask")
    dtype: str = "float32"
    width: tuple[int, ...] = ()
    marks: int = 0

    def __init__(self, options: Any, context: SourceContext) -> None:
        self.options = options
        self.context = context

    def with_limit(self, max_source_tokens: int) -> Self:
        """The same source, whose values are cut at another length."""
        return type(self)(self.options, replace(self.context, max_source_tokens=max_source_tokens))

    # From rows of files to values.

    def find_fault(self, value: Any) -> str | None:
        """What is wrong with a value, such as 'holds int, expected a list of numbers'; None where nothing is."""
        return None

    def read(self, row: Row, columns: Sequence[str], advice: str) -> Any:
        """The value of a row as it stands there; `advice` closes the error where a column is missing.

        Raises:
            DataError: a column is missing, there are several, or the value is none; file and line are named.
        """
        if len(columns) != 1:
            raise DataError(f"{row.where}: {type(self).__name__} reads one column, found {format_columns(columns)}.")
        value = find_value(row, columns[0], advice)
        if (fault := self.find_fault(value)) is not None:
            raise DataError(f"{row.where}: {format_columns(columns)} {fault}.")
        return value

    def read_example(self, row: Row, columns: Sequence[str], advice: str) -> Any:
        """The value of a row of training or test data, prepared.

        Raises:
            DataError: as `read`, or nothing is left of the value.
        """
        return self.prepare(self.read(row, columns, advice))

    def prepare(self, value: Any) -> Any:
        """The value as the model is to read it and tables are to show it."""
        return value

    # From values to what is stored.

    @abstractmethod
    def encode(self, values: Sequence[Any]) -> Sequence[Stored]:
        """What is stored of each prepared value, whole and without marks. Shape of each: (P, *width).

        A value that is empty gives no position.
        """

    def truncate(self, stored: Stored) -> tuple[Stored, bool]:
        """The stored positions with their marks, at most `max_source_tokens`, and whether any were truncated."""
        limit = self.context.max_source_tokens
        return stored[:limit], len(stored) > limit

    def count_positions(self, lengths: numpy.ndarray) -> numpy.ndarray:
        """Positions that the decoder attends to, for lengths P of what is stored; where they differ, that and
        `truncate` are to be overridden. Shape: both (B,)."""
        return lengths

    # From what is stored to the model.

    def collate(self, rows: Sequence[Stored]) -> dict[str, torch.Tensor]:
        """The named inputs of a batch, filled up with zeros, and the mask of real positions.

        No rows give one of a single position that counts as real.

        Shape: (B, S, *width) and (B, S), or fewer positions where `count_positions` says so.
        """
        from .padding import pad_sources  # it needs torch

        return dict(zip(self.input_names, pad_sources(rows, 0, self.dtype, self.width), strict=True))

    # For people and keys.

    def show(self, value: Any) -> str:
        """A value in tables, files of predictions and cards."""
        shown = str(value)
        return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[: SHOWN_CHARACTERS - 1]}…"

    def name_positions(self, stored: Stored) -> list[str]:
        """What the model sees at each stored position, as `inspect` shows it."""
        return [numpy.array2string(numpy.asarray(row), precision=2, threshold=4, edgeitems=2) for row in stored]

    def identify(self, value: Any) -> str:
        """A text that equal values have alone, by which repeated ones are found."""
        return hashlib.sha256(repr(value).encode()).hexdigest()

    def to_key(self) -> dict[str, Any]:
        """What of it the stored values depend on: its options, and the code of its modules."""
        own = [base for base in type(self).__mro__ if issubclass(base, Source)]
        code = "".join(inspect.getsource(sys.modules[base.__module__]) for base in own)
        return {
            "class": f"{type(self).__module__}:{type(self).__qualname__}",
            "options": self.options.model_dump(mode="json"),
            "code": hashlib.sha256(code.encode()).hexdigest(),
        }
