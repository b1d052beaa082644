"""Texts to train a tokenizer on: the columns of row formats, or plain text, one text a line."""

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from ..base.errors import DataError
from ..sources.columns import Row
from ..text.normalization import normalize_text
from .empty_rows import LeftOut, keep_filled
from .examples import read_filled_text
from .file_kinds import is_row_format
from .options import LayoutOptions
from .plain_text import load_intact_texts
from .readers import is_file_name, read_rows

Sides = Literal["both", "source", "target"]
PLAIN = "plain text"


def read_training_texts(
    names: Iterable[str],
    layout: LayoutOptions,
    *,
    sides: Sides,
    left_out: LeftOut | None = None,
) -> dict[str, list[str]]:
    """The normalized texts of some data names, in their order, under 'source', 'target' or 'plain text'.

    Rows without text that `layout` skips go into `left_out`.

    Raises:
        DataError: see `read_rows`; or a column is missing, is no text, or is empty; or plain text is not UTF-8 or
            holds nothing but white space.
    """
    if sides not in get_args(Sides):
        raise DataError(f"columns {sides!r}: expected one of {', '.join(get_args(Sides))}.")
    columns = {"source": layout.columns.source, "target": layout.columns.target}
    chosen = columns if sides == "both" else {sides: columns[sides]}
    left_out = LeftOut() if left_out is None else left_out

    def read(row: Row) -> dict[str, str]:
        return {side: _read_side(row, side, names_of_side, layout) for side, names_of_side in chosen.items()}

    texts: dict[str, list[str]] = {}
    for name in names:
        if is_row_format(name) or not is_file_name(name):
            for by_side in keep_filled(read_rows(name, layout), read, layout.empty, left_out):
                for side, text in by_side.items():
                    texts.setdefault(side, []).append(text)
        else:
            texts.setdefault(PLAIN, []).extend(_read_plain_text(name, layout.normalization))
    return texts


def _read_side(
    row: Row,
    side: str,
    columns: Sequence[str],
    layout: LayoutOptions,
) -> str:
    advice = f"Name it by {side}_column, or choose the columns to read."
    return read_filled_text(row, columns, layout.normalization, advice)


def _read_plain_text(name: str, normalizers: Sequence[str]) -> list[str]:
    texts = load_intact_texts(name)
    if not any(text.strip() for text in texts):
        raise DataError(f"{name}: the file has no text.")
    return [normalize_text(text, normalizers) for text in texts]
