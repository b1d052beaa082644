"""Rows from JSON: an object a line, or one array of objects. Which of both it is, the file itself tells.

Knows nothing of columns.
"""

import codecs
import io
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from ..base.errors import DataError
from ..base.files import open_bytes
from ..sources.columns import Row
from .file_kinds import read_head
from .lines import Decode, decode_intact, decode_lines, read_lines

MAX_ARRAY_BYTES = 2**30  # an array is read as a whole, and takes some times its size in memory
A_ROW_A_LINE = "Write a JSON object a line, or one array of objects"


def read_json(path: Path, decode: Decode) -> Iterator[Row]:
    """Streams the rows of a file of JSON objects, a line each, or loads those of one array.

    Blank lines at the end are none; others give a row without values.

    Raises:
        DataError: it is neither, or broken; file and line, or item, are named.
    """
    start = read_head(path).removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"["):
        yield from _load_array(path)
        return
    first_line = start.split(b"\n", 1)[0].rstrip()
    if _goes_on(first_line) and len(first_line) < len(start):
        _refuse_object(path, _load_whole(path))
    rows = _read_lines(path, decode)
    first = next(rows, None)
    if first is not None:
        yield from _refuse_alone(path, first, rows)


def _refuse_alone(path: Path, first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    """All rows, unless there is but one that holds the real ones."""
    if _holds_rows(first.values):
        second = next(rows, None)
        if second is None:
            _refuse_object(path, first.values)
        rows = chain([second], rows)
    yield first
    yield from rows


def _read_lines(path: Path, decode: Decode) -> Iterator[Row]:
    blank = []  # where blank lines stand that may be the end of the file
    for where, line in decode_lines(path, decode):
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            if not line.strip():
                blank.append(where)
                continue
            raise DataError(f"{where}: not valid JSON ({error.msg} at column {error.colno}).") from None
        except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets a thousand deep
            raise DataError(f"{where}: not readable JSON ({error}).") from None
        if not isinstance(values, dict):
            raise DataError(f"{where}: expected a JSON object, found {type(values).__name__}.")
        if blank:
            yield from (Row(passed, {}) for passed in blank)
            blank.clear()
        yield Row(where, values)


def _load_array(path: Path) -> Iterator[Row]:
    for number, item in enumerate(_load_whole(path), 1):
        where = f"{path} item {number}"
        if not isinstance(item, dict):
            raise DataError(f"{where}: expected a JSON object, found {type(item).__name__}.")
        yield Row(where, item)


def _load_whole(path: Path) -> Any:
    """The one JSON value of a file.

    Raises:
        DataError: it is broken, or too large to be read at once.
    """
    with open_bytes(path) as file:
        content = file.read(MAX_ARRAY_BYTES + 1)
    if len(content) > MAX_ARRAY_BYTES:
        raise DataError(f"{path}: the JSON value is larger than {MAX_ARRAY_BYTES:,} bytes. {A_ROW_A_LINE}.")
    # Line by line, so that one that is not UTF-8 is named.
    text = "\n".join(decode_intact(where, line) for where, line in read_lines(io.BytesIO(content), str(path)))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} line {error.lineno}: not valid JSON ({error.msg} at column {error.colno}). {A_ROW_A_LINE}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable JSON ({error}).") from None


def _goes_on(line: bytes) -> bool:
    """Whether a JSON object opens in a line and ends in a later one."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return line.startswith(b"{") and error.pos >= len(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        pass
    return False


def _holds_rows(values: dict) -> bool:
    """Whether an object is more likely all rows than one: a list of objects in it, or columns of values."""
    inner = list(values.values())
    return (
        bool(_list_keys_of_rows(values))
        or (bool(inner) and all(isinstance(value, list) for value in inner))
        or (bool(inner) and all(isinstance(value, dict) and _is_numbered(value) for value in inner))
    )


def _list_keys_of_rows(values: dict) -> list[str]:
    """The keys under which an object has a list of objects."""
    return [key for key, value in values.items() if isinstance(value, list) and value and isinstance(value[0], dict)]


def _is_numbered(values: dict) -> bool:
    """Whether a mapping is a column as pandas writes it: {'0': 'a', '1': 'b'}."""
    return bool(values) and all(key.isdigit() for key in values)


def _refuse_object(path: Path, values: dict) -> NoReturn:
    """Says how the rows come out of a single object.

    Raises:
        DataError: always.
    """
    keys = _list_keys_of_rows(values)
    if keys:
        listed = " and ".join(map(repr, keys))
        raise DataError(
            f"{path}: expected a JSON object for each row, found one object with lists of rows under {listed}. Take "
            f"the rows out, for instance by: jq -c '.{keys[0]}[]' FILE > NEW_FILE.jsonl"
        )
    raise DataError(
        f"{path}: expected a JSON object for each row, found one object in all ({', '.join(map(repr, values))}). "
        f"{A_ROW_A_LINE}; pandas does by to_json(FILE, orient='records', lines=True)."
    )
