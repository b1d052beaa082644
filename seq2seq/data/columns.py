"""Texts from the columns of a row: found by name or dotted path, checked, several joined to one."""

import json
from collections.abc import Iterator, Sequence

from ..base.errors import DataError
from .options import ColumnOptions
from .readers import Row

_MISSING = object()


def read_text(row: Row, columns: Sequence[str], advice: str) -> str:
    """The texts of some columns, joined by a space where they have text; empty where none has.

    `advice` closes the error where a column is missing.

    Raises:
        DataError: a column is missing or is no text; of several columns, null counts as empty.
    """
    values = [(column, find_value(row, column, advice)) for column in columns]
    if len(columns) == 1:
        return _require_text(row, *values[0])
    texts = [_require_text(row, column, value).strip() for column, value in values if value is not None]
    return " ".join(text for text in texts if text)


def read_reference_list(row: Row, column: str) -> tuple[str, ...]:
    """The references of a row; none where it has no column of the default name, or nothing there.

    Raises:
        DataError: the column is missing, or is no list of texts.
    """
    value = _search(row.values, column)
    if value is _MISSING or value is None or value == "":  # a missing list: null in Parquet, an empty cell in CSV
        if column != ColumnOptions().references:
            find_value(row, column, "Set data.columns.references.")
        return ()
    if isinstance(value, str):  # CSV and TSV have no lists
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, or numbers of thousands of digits, or brackets a thousand deep
            pass
    if not isinstance(value, list) or not value:
        raise DataError(f"{row.place}: column {column!r} must hold a list of texts (in CSV and TSV, as JSON).")
    return tuple(_require_text(row, column, text) for text in value)


def find_value(row: Row, column: str, advice: str) -> object:
    """What a row holds under a name or a dotted path. 'translation.en' of {'translation': {'en': 'a'}} -> 'a'

    A column whose own name has the dots goes before.

    Raises:
        DataError: there is no such column; closed by `advice`.
    """
    value = _search(row.values, column)
    if value is _MISSING:
        found = ", ".join(map(repr, _list_paths(row.values)))
        raise DataError(f"{row.place}: column {column!r} is missing (found: {found}). {advice}")
    return value


def format_columns(columns: Sequence[str]) -> str:
    """For messages. ('a', 'b') -> "columns 'a', 'b'"."""
    return f"column{'s' * (len(columns) > 1)} {', '.join(map(repr, columns))}"


def _search(values: dict, path: str) -> object:
    if path in values:
        return values[path]
    for dot in (index for index, character in enumerate(path) if character == "."):
        inner = values.get(path[:dot])
        if isinstance(inner, dict) and (found := _search(inner, path[dot + 1 :])) is not _MISSING:
            return found
    return _MISSING


def _list_paths(values: dict, prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _list_paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _require_text(row: Row, column: str, value: object) -> str:
    if isinstance(value, dict) and value:
        inner = ", ".join(map(repr, _list_paths(value, f"{column}.")))
        raise DataError(f"{row.place}: column {column!r} holds columns, expected text. Name one of them: {inner}.")
    if not isinstance(value, str):
        raise DataError(f"{row.place}: column {column!r} holds {type(value).__name__}, expected text.")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write it, no encoding can hold it
        raise DataError(f"{row.place}: column {column!r} holds half of a surrogate pair, which is no text.") from None
    return value
