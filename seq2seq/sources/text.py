"""Texts as sources: token ids with the marks that the model's framing puts around them. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..text.normalization import normalize_text, replace_surrogates
from .columns import clean_text, read_text
from .source import Source, SourceContext

if TYPE_CHECKING:
    import torch

    from .columns import Row
    from .source import Stored


class TextSource(Source):
    """A text of one column, or of several that are joined by a space where they have text."""

    is_text = True
    input_names = ("input_ids", "attention_mask")
    dtype = "int32"

    @property
    def marks(self) -> int:  # type: ignore[override]  # nobody sets it
        return self.context.get_framing().source_marks

    def find_fault(self, value: Any) -> str | None:
        return None if isinstance(value, str) else f"holds {type(value).__name__}, expected text"

    def read(self, row: Row, columns: Sequence[str], advice: str) -> str:
        return read_text(row, columns, advice)

    def read_example(self, row: Row, columns: Sequence[str], advice: str) -> str:
        """The text after the normalizers, stripped of white space at its ends."""
        return clean_text(row, columns, self.read(row, columns, advice), self.context.normalization)

    def prepare(self, value: str) -> str:
        return normalize_text(replace_surrogates(value), self.context.normalization)

    def encode(self, values: Sequence[str]) -> list[list[int]]:
        from ..text.tokenizers import encode_texts  # it needs transformers

        return encode_texts(self.context.get_tokenizer(), values)

    def truncate(self, stored: Stored) -> tuple[Stored, bool]:
        return self.context.get_framing().frame_source(stored, self.context.max_source_tokens)

    def collate(self, rows: Sequence[Stored]) -> dict[str, torch.Tensor]:
        from .padding import collate_ids  # it needs torch

        return collate_ids(rows, self.context.pad_id)

    def show(self, value: str) -> str:
        return value

    def name_positions(self, stored: Stored) -> list[str]:
        return self.context.get_tokenizer().convert_ids_to_tokens(list(map(int, stored)))

    def identify(self, value: str) -> str:
        return value

    def to_key(self) -> dict[str, Any]:
        """Of the tokenizer alone: the code from bytes to ids is in every key, and so is the framing."""
        layout = self.context.get_tokenizer().backend_tokenizer.to_str()
        return {"tokenizer": hashlib.sha256(layout.encode()).hexdigest()}


def build_reader(normalization: tuple[str, ...] = ()) -> TextSource:
    """A source of texts that are only read, where there is no model yet."""
    return TextSource(TextSource.Options(), SourceContext(normalization=normalization))
