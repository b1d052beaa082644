"""Texts for generation: one a line, or a column of rows. Here nothing is refused that can be kept in its place.

A blank line of plain text is an empty text, the last one too: outputs stand line for line beside their texts.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ..base.console import errors
from ..base.errors import DataError
from ..base.files import is_packed, open_bytes
from ..sources.columns import Row, read_text, search
from ..text.normalization import replace_surrogates
from .examples import read_filled_text
from .file_kinds import check_file, check_head, find_kind, is_row_format
from .lines import read_lines
from .options import REFERENCES, ColumnOptions, TableOptions
from .readers import UNREADABLE, find_file, read_rows
from .references import find_fault, read_reference_list

STANDARD_INPUT = "-"
ADVICE = "Name the column that holds the texts."
ADVICE_TO_CHOOSE = f"{ADVICE} Set data.columns.source."
ReadValue = Callable[[Row, Sequence[str], str], Any]  # of a row, its columns, and advice where one is missing


class ReadText(NamedTuple):
    """A text or other source, where it stands, and whether something in it that is no text became U+FFFD."""

    where: str
    text: Any
    replaced: bool = False


def read_texts(
    name: str,
    columns: Sequence[str] = (),
    table: TableOptions = TableOptions(),
    read: ReadValue = read_text,
) -> Iterator[ReadText]:
    """Streams the texts of a file (.jsonl and other row formats by columns, else a text a line) or of standard input.

    They are as they stand there, may be empty, and are not normalized.

    Args:
        read: makes the value of a row; the sources of row formats may be other than texts.

    Raises:
        DataError: the file is missing or broken, or is none of text, or a row lacks a column or has no text there.
    """
    if name == STANDARD_INPUT:
        try:
            yield from _read_plain(_check_standard_input(sys.stdin.buffer), "standard input")
        except UNREADABLE as error:
            raise DataError(f"Standard input: reading failed: {error}.") from None
    elif is_row_format(name):
        yield from _read_columns(name, columns, table, read)
    else:
        path = find_file(name)
        try:
            check_file(path)
            with open_bytes(path) as file:
                yield from _read_plain(file, str(path))
        except UNREADABLE as error:
            raise DataError(f"{path}: reading failed: {error}.") from None


def _check_standard_input(file: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines, checked by the first with more than a bracket: whoever waits for its output writes no other."""
    lines = iter(file)
    first = []
    for line in lines:
        first.append(line)
        if line.strip() not in (b"[", b"{"):
            break
    check_head("Standard input", b"".join(first), "text")
    return chain(first, lines)


def _read_plain(file: Iterable[bytes], name: str) -> Iterator[ReadText]:
    for where, line in read_lines(file, name):
        yield ReadText(where, *_decode(line))


def _decode(line: bytes) -> tuple[str, bool]:
    """The text of a line, and whether bytes of it that are not UTF-8 became U+FFFD."""
    # What was replaced is no longer what it was when it is encoded again.
    text = line.decode(errors="replace")
    return text, text.encode() != line


def _read_columns(
    name: str,
    columns: Sequence[str],
    table: TableOptions,
    read: ReadValue,
) -> Iterator[ReadText]:
    broken = []  # where lines stand with bytes that are not UTF-8, since the last row

    def decode(where: str, line: bytes) -> str:
        text, replaced = _decode(line)
        if replaced:
            broken.append(where)
        return text

    for row in read_rows(name, table, decode):
        values = {key: _replace_surrogates(value) for key, value in row.values.items()}
        replaced = bool(broken) or values != row.values
        broken.clear()
        yield ReadText(row.where, read(Row(row.where, values, row.form), columns, ADVICE_TO_CHOOSE), replaced)


def _replace_surrogates(value: object) -> object:
    """The same value with U+FFFD for every half of a surrogate pair in its texts."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {key: _replace_surrogates(inner) for key, inner in value.items()}
    return value


def name_texts(texts: Iterable[Any]) -> Iterator[ReadText]:
    """Texts or other sources from elsewhere, as if read from a file."""
    for number, text in enumerate(texts, 1):
        if isinstance(text, str):
            clean = replace_surrogates(text)
            yield ReadText(f"text {number}", clean, clean != text)
        else:
            yield ReadText(f"source {number}", text)


def count_texts(name: str) -> int | None:
    """How many texts a file has, where that is soon known: one a line, and not packed.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    if name == STANDARD_INPUT or is_packed(Path(name)) or find_kind(Path(name)) not in ("text", "json"):
        return None
    path = find_file(name)
    if path.suffix.lower() == ".json":  # it may be an array
        return None
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError as error:
        raise DataError(f"{path}: reading failed: {error}.") from None


def load_intact_texts(
    name: str,
    columns: Sequence[str] = (),
    table: TableOptions = TableOptions(),
) -> list[str]:
    """All texts that `read_texts` reads, where nothing may be replaced in them.

    Raises:
        DataError: as `read_texts`; or a text is not UTF-8.
    """
    if is_row_format(name):
        return [read_text(row, columns, ADVICE) for row in read_rows(name, table)]
    read = list(read_texts(name))
    replaced = [text.where for text in read if text.replaced]
    if replaced:
        raise DataError(
            f"{name}: {len(replaced)} lines hold bytes that are not UTF-8. Save the file in UTF-8. The first: "
            f"{replaced[0]}."
        )
    return [text.text for text in read]


def load_references(
    name: str,
    column: str | None = REFERENCES,
    table: TableOptions = TableOptions(),
) -> list[tuple[str, ...]]:
    """References of every row: a text a line, or a column of lists (else `target`) of a row format.

    Args:
        column: which holds the lists; None for the targets alone.

    Raises:
        DataError: the file is missing or broken.
    """
    if not is_row_format(name):
        return [(text,) for text in load_intact_texts(name)]
    columns = ColumnOptions(references=column)
    expected = [repr(one) for one in (column, *columns.target) if one is not None]
    advice = f"Expected {' or '.join(expected)}."
    references = []
    targets = []  # of rows that have both
    beside = []
    for row in read_rows(name, table):
        listed = read_reference_list(row, column)
        references.append(listed or (read_filled_text(row, columns.target, (), advice),))
        target = search(row.values, "target")
        if listed and isinstance(target, str):
            targets.append(target)
            beside.append(listed)
    if (fault := find_fault(targets, beside, columns)) is not None:
        errors().print(f"{name}: {fault}")
    return references


def load_texts_if_any(
    name: str,
    column: str,
    table: TableOptions = TableOptions(),
) -> list[str] | None:
    """The texts of a column where a file of a row format has it; None where it has not, or is plain text.

    Raises:
        DataError: the file is missing or broken, or some rows alone have the column.
    """
    if not is_row_format(name):
        return None
    first = next(iter(read_rows(name, table)), None)
    return None if first is None or column not in first.values else load_intact_texts(name, [column], table)
