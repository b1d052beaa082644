"""Rows into examples: the chosen columns, checked. An example is a source, a target and its references, all text."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import DataError
from .options import ColumnOptions
from .readers import Row, read_rows


@dataclass(frozen=True)
class Example:
    """One pair of texts, stripped of white space at the ends, and where it came from."""

    source: str
    target: str
    references: tuple[str, ...]
    place: str


def read_examples(names: Iterable[str], columns: ColumnOptions) -> Iterator[Example]:
    """Streams the examples of some data names, in their order.

    Raises:
        DataError: see `read_rows`; or a column is missing, is no text, or is empty.
    """
    return (build_example(row, columns) for name in names for row in read_rows(name))


def load_examples(names: Iterable[str], columns: ColumnOptions) -> list[Example]:
    """All examples of some data names, in their order.

    Raises:
        DataError: as `read_examples`.
    """
    return list(read_examples(names, columns))


def build_example(row: Row, columns: ColumnOptions) -> Example:
    """The example of one row.

    Raises:
        DataError: a column is missing, is no text, or holds nothing but white space.
    """
    target = read_text(row, columns.target, "Set data.columns.target.")
    return Example(
        source=read_text(row, columns.source, "Set data.columns.source."),
        target=target,
        references=read_reference_list(row, columns.references) or (target,),
        place=row.place,
    )


def read_text(row: Row, column: str, advice: str) -> str:
    """The stripped text of a column; `advice` closes the error where it is missing.

    Raises:
        DataError: the column is missing, is no text, or is empty.
    """
    _check_column(row, column, advice)
    return _check_text(row, column, row.values[column])


def _check_column(row: Row, column: str, advice: str) -> None:
    if column not in row.values:
        found = ", ".join(map(repr, row.values))
        raise DataError(f"{row.place}: column {column!r} is missing (found: {found}). {advice}")


def _check_text(row: Row, column: str, value: object) -> str:
    text = _check_string(row, column, value).strip()
    if not text:
        raise DataError(f"{row.place}: column {column!r} is empty. Remove the row or give it a text.")
    return text


def _check_string(row: Row, column: str, value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"{row.place}: column {column!r} holds {type(value).__name__}, expected text.")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write it, no encoding can hold it
        raise DataError(f"{row.place}: column {column!r} holds half of a surrogate pair, which is no text.") from None
    return value


def read_reference_list(row: Row, column: str) -> tuple[str, ...]:
    """The references of a row; none where it has no column of the default name."""
    if row.values.get(column) is None:  # Parquet and the hub write a missing list as null
        if column != ColumnOptions().references:
            _check_column(row, column, "Set data.columns.references.")
        return ()
    value = row.values[column]
    if isinstance(value, str):  # CSV and TSV have no lists
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            pass
    if not isinstance(value, list) or not value:
        raise DataError(f"{row.place}: column {column!r} must hold a list of texts (in CSV and TSV, as JSON).")
    return tuple(_check_text(row, column, text) for text in value)


def read_column(rows: Iterable[Row], column: str) -> Iterator[str]:
    """The texts of one column, as they are; here an empty text is allowed.

    Raises:
        DataError: the column is missing or holds no text.
    """
    for row in rows:
        _check_column(row, column, "Name the column that holds the texts.")
        yield _check_string(row, column, row.values[column])
