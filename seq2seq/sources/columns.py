"""Values from the columns of a row: found by name or dotted path; texts checked, several joined to one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from ..base.errors import DataError, EmptyTextError
from ..text.normalization import normalize_text

MISSING = object()


class Row(NamedTuple):
    """One row and where it stands: 'data/train.jsonl line 17'.

    form: of a row of a table, how its cells were told apart: 'separated by commas'.
    """

    where: str
    values: dict
    form: str = ""


def name_file(where: str) -> str:
    """The file, or other data name, that something stands in. 'data/train.jsonl line 17' -> 'data/train.jsonl'"""
    return where.rsplit(" ", 2)[0]


def read_text(row: Row, columns: Sequence[str], advice: str) -> str:
    """The texts of some columns, joined by a space where they have text; empty where none has.

    `advice` closes the error where a column is missing.

    Raises:
        DataError: a column is missing or is no text; of several columns, null counts as empty.
        EmptyTextError: the only column holds null.
    """
    values = [(column, find_value(row, column, advice)) for column in columns]
    if len(columns) == 1:
        return require_text(row, *values[0])
    texts = [require_text(row, column, value).strip() for column, value in values if not _is_null(value)]
    return " ".join(text for text in texts if text)


def clean_text(row: Row, columns: Sequence[str], text: str, normalizers: Sequence[str]) -> str:
    """A text of some columns after the normalizers, stripped.

    Raises:
        EmptyTextError: nothing is left.
    """
    cleaned = normalize_text(text, normalizers).strip()
    if not cleaned:
        state = f"{'are' if len(columns) > 1 else 'is'} empty" + (" after normalization" if text.strip() else "")
        raise EmptyTextError(row.where, f"{format_columns(columns)} {state}")
    return cleaned


def find_value(row: Row, column: str, advice: str) -> object:
    """What a row holds under a name or a dotted path. 'translation.en' of {'translation': {'en': 'a'}} -> 'a'

    A column whose own name has the dots goes before.

    Raises:
        DataError: there is no such column; closed by `advice`.
        EmptyTextError: nor is there any other: the line is blank.
    """
    value = search(row.values, column)
    if value is MISSING:
        if not row.values:
            raise EmptyTextError(row.where, "the row is empty", "Remove it.")
        found = ", ".join(map(repr, _list_paths(row.values)))
        form = f", {row.form}" if row.form else ""
        raise DataError(f"{row.where}: column {column!r} is missing (found: {found}{form}). {advice}")
    return value


def format_columns(columns: Sequence[str]) -> str:
    """For messages. ('a', 'b') -> "columns 'a', 'b'"."""
    return f"column{'s' * (len(columns) > 1)} {', '.join(map(repr, columns))}"


def search(values: dict, path: str) -> object:
    """As `find_value`, but MISSING where there is no such column."""
    if path in values:
        return values[path]
    for dot in (index for index, character in enumerate(path) if character == "."):
        inner = values.get(path[:dot])
        if isinstance(inner, dict) and (value := search(inner, path[dot + 1 :])) is not MISSING:
            return value
    return MISSING


def _list_paths(values: dict, prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _list_paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def require_text(row: Row, column: str, value: object) -> str:
    """The value of a column, which must be a text.

    Raises:
        DataError: it is none.
        EmptyTextError: it is null, or the number that pandas writes for it.
    """
    if not isinstance(value, str):
        _refuse_value(row, column, value)
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write it, no encoding can hold it
        raise DataError(f"{row.where}: column {column!r} holds half of a surrogate pair, which is no text.") from None
    return value


def _refuse_value(row: Row, column: str, value: object) -> NoReturn:
    if _is_null(value):
        raise EmptyTextError(row.where, f"column {column!r} holds {type(value).__name__}, expected text")
    if isinstance(value, dict) and value:
        inner = ", ".join(map(repr, _list_paths(value, f"{column}.")))
        raise DataError(f"{row.where}: column {column!r} holds columns, expected text. Name one of them: {inner}.")
    raise DataError(f"{row.where}: column {column!r} holds {type(value).__name__}, expected text.")


def _is_null(value: object) -> bool:
    """Whether a value stands for none: null, or NaN, which alone is not equal to itself."""
    return value is None or (isinstance(value, float) and value != value)
