"""Texts for generation, in and out: one a line, or JSONL. Here nothing is refused that can be written back in place.

A line ends at \\n or \\r\\n and nowhere else.
"""

import codecs
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..files import open_bytes, write_text
from .columns import read_reference_list, read_text
from .examples import read_filled_text
from .options import ColumnOptions
from .readers import UNREADABLE, find_format, read_rows, resolve_path


@dataclass(frozen=True)
class ReadTexts:
    """Texts in order; `replaced` of them held bytes that are not UTF-8, now U+FFFD."""

    texts: list[str]
    replaced: int


def read_texts(name: str, columns: Sequence[str] = (), header: Sequence[str] = ()) -> ReadTexts:
    """Texts of a file (.jsonl and the other row formats by columns, anything else a text a line) or of standard input.

    They are as they stand there, may be empty, and are not normalized.

    Raises:
        DataError: the file is missing, or a row lacks a column or has no text there.
    """
    if name == "-":
        return split_lines(sys.stdin.buffer.read())
    if is_row_format(name):
        advice = "Name the column that holds the texts."
        return ReadTexts([read_text(row, columns, advice) for row in read_rows(name, header)], 0)
    path = resolve_path(name)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    try:
        with open_bytes(path) as file:
            return split_lines(file.read())
    except UNREADABLE as error:
        raise DataError(f"{path}: reading failed: {error}.") from None


def read_intact_texts(name: str, columns: Sequence[str] = ()) -> list[str]:
    """Texts of a file as `read_texts` reads them, for what nothing may be replaced in.

    Raises:
        DataError: as `read_texts`; or a line is not UTF-8.
    """
    read = read_texts(name, columns)
    if read.replaced:
        raise DataError(f"{name}: {read.replaced} lines hold bytes that are not UTF-8. Save the file in UTF-8.")
    return read.texts


def read_references(name: str) -> list[tuple[str, ...]]:
    """References of every row: a text a line, or the columns `references` (else `target`) of a row format.

    Raises:
        DataError: the file is missing or broken.
    """
    if not is_row_format(name):
        return [(text,) for text in read_intact_texts(name)]
    columns = ColumnOptions()
    references = []
    for row in read_rows(name):
        listed = read_reference_list(row, columns.references)
        advice = "Expected 'references' or 'target'."
        references.append(listed or (read_filled_text(row, columns.target, (), advice),))
    return references


def find_texts(name: str, column: str) -> list[str] | None:
    """The texts of a column where a file of a row format has it; None where it has not, or is plain text.

    Raises:
        DataError: the file is missing or broken, or some rows alone have the column.
    """
    if not is_row_format(name):
        return None
    first = next(iter(read_rows(name)), None)
    return None if first is None or column not in first.values else read_texts(name, [column]).texts


def is_row_format(name: str) -> bool:
    """Whether a file holds rows with columns; any other is plain text."""
    return find_format(Path(name)) in (".jsonl", ".csv", ".tsv", ".parquet")


def split_lines(content: bytes) -> ReadTexts:
    """The lines of a text. b'a\\n\\nb\\r\\n' -> ['a', '', 'b']"""
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    lines = [line.removesuffix(b"\r") for line in lines]
    texts = [line.decode("utf-8", errors="replace") for line in lines]
    replaced = sum(text.encode("utf-8") != line for text, line in zip(texts, lines, strict=True))
    return ReadTexts(texts, replaced)


def check_output(path: Path) -> None:
    """Makes sure, before any work is done, that outputs can be written to a path; makes its folder.

    Raises:
        DataError: the folder cannot be made or written to, or the name asks for a format that is not written.
    """
    if path.suffix == ".gz" or (is_row_format(path.name) and path.suffix != ".jsonl"):
        raise DataError(f"{path}: outputs are written as plain text or .jsonl. Choose such a name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent}: the folder cannot be made ({error.strerror}).") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise DataError(f"{path} cannot be written. Choose another output.")


def write_texts(path: Path | None, outputs: Sequence[str]) -> int:
    """Writes outputs one a line; None is standard output. Returns how many had line breaks, which become spaces."""
    lines = [output.replace("\r\n", " ").replace("\n", " ").replace("\r", " ") for output in outputs]
    text = "".join(line + "\n" for line in lines)
    if path is None:
        sys.stdout.write(text)
    else:
        write_text(path, text)
    return sum(line != output for line, output in zip(lines, outputs, strict=True))
