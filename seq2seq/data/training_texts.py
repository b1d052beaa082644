"""Texts to train a tokenizer on: the columns of row formats, or plain text, one text a line."""

from collections.abc import Iterable
from typing import Literal, get_args

from ..errors import DataError
from .examples import read_text
from .plain_text import is_row_format, read_texts
from .readers import is_file_name, read_rows

Sides = Literal["both", "source", "target"]
PLAIN = "plain text"


def read_training_texts(
    names: Iterable[str], *, sides: Sides, source_column: str, target_column: str
) -> dict[str, list[str]]:
    """The texts of some data names, in their order, under 'source', 'target' or 'plain text'.

    Raises:
        DataError: see `read_rows`; or a column is missing, is no text, or is empty; or plain text is not UTF-8 or
            holds nothing but white space.
    """
    if sides not in get_args(Sides):
        raise DataError(f"columns {sides!r}: expected one of {', '.join(get_args(Sides))}.")
    columns = {"source": source_column, "target": target_column}
    chosen = columns if sides == "both" else {sides: columns[sides]}
    texts: dict[str, list[str]] = {}
    for name in names:
        if is_row_format(name) or not is_file_name(name):
            for row in read_rows(name):
                for side, column in chosen.items():
                    text = read_text(row, column, f"Name it by {side}_column, or choose the columns to read.")
                    texts.setdefault(side, []).append(text)
        else:
            texts.setdefault(PLAIN, []).extend(_read_plain_text(name))
    return texts


def _read_plain_text(name: str) -> list[str]:
    read = read_texts(name, "")
    if read.replaced:
        raise DataError(f"{name}: {read.replaced} lines are not UTF-8. Convert the file to UTF-8.")
    if not any(text.strip() for text in read.texts):
        raise DataError(f"{name}: the file has no text.")
    return read.texts
