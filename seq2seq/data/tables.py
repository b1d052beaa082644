"""Rows from CSV and TSV: what stands between the cells, whether marks stand around them, and what is wrong with a row.

What a recipe leaves open is found in the first rows; what was found is told where it is not the ending's own. Knows
nothing of columns.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..base.console import note_once
from ..base.errors import DataError
from ..sources.columns import Row
from .file_kinds import FileKind
from .lines import Decode, decode_lines
from .options import DELIMITERS, TableOptions

if TYPE_CHECKING:
    from _csv import Reader  # as the csv module calls what its `reader` gives

SAMPLED_LINES = 1000
MAX_ROW_LINES = 100  # of a row in the sample; more of them are text in which a mark opens and another, far on, closes
OWN_DELIMITER = {"csv": ",", "tsv": "\t"}
EXCEL_DELIMITER = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # a first line that Excel writes and reads
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}  # of delimiters, in messages
QUOTED_CELL = re.compile(r'"[^"]*(?:""[^"]*)*"')
NUMBER = re.compile(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?")
# In place of a carriage return, which the csv module takes for the end of a row: half a surrogate pair, which no text
# in UTF-8 holds.
HELD_RETURN = "\udc0d"
csv.field_size_limit(2**31 - 1)  # the default refuses cells over 128 kB, and articles are longer


@dataclass(frozen=True)
class TableForm:
    """How the cells of a table are told apart.

    skipped_lines: before the header, of what Excel writes for itself.
    """

    delimiter: str
    is_quoted: bool
    skipped_lines: int = 0

    def __str__(self) -> str:
        return f"separated by {NAMES.get(self.delimiter, repr(self.delimiter))}"

    def read_cells(self, lines: Iterator[str], *, strict: bool) -> "Reader":
        """A reader of the csv module."""
        if self.is_quoted:
            return csv.reader(lines, delimiter=self.delimiter, strict=strict)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)


def read_table(path: Path, kind: FileKind, table: TableOptions, decode: Decode) -> Iterator[Row]:
    """Streams the rows of a file of cells; where `table.header` names the columns, the first line is one of them.

    Blank lines at the end are none; others are rows of empty cells.

    Raises:
        DataError: a row has more or fewer cells than the header, or a quotation mark stands where none may; file and
            line are named.
    """
    form = _find_form(path, kind, table)
    rows = _NumberedRows(path, form, decode)
    header = list(table.header) or None
    blank = []  # numbers of blank lines that may be the end of the file
    described = str(form)
    for line, cells in rows:
        if header is None:
            if cells:
                header = [name.strip() for name in cells]
                check_names(f"{path} line {line}", "header", header)
        elif len(cells) != len(header):
            if not _is_blank(cells):
                _refuse_cells(f"{path} line {line}", cells, header, table, form)
            blank.append(line)
        elif line == form.skipped_lines + 1 and cells == header:
            raise DataError(f"{path} line {line}: this is the header that data.header repeats. Remove data.header.")
        else:
            if blank:
                yield from (Row(f"{path} line {passed}", dict.fromkeys(header, ""), described) for passed in blank)
                blank.clear()
            yield Row(f"{path} line {line}", dict(zip(header, cells, strict=True)), described)


class _NumberedRows:
    """The cells of rows, each with the number of its first line."""

    def __init__(self, path: Path, form: TableForm, decode: Decode) -> None:
        self.path = path
        self.form = form
        self.decode = decode
        self.has_returns = False  # whether any line so far had a carriage return in it

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        lines = self._hold_returns()
        reader = self.form.read_cells(lines, strict=True)
        skipped = self.form.skipped_lines
        while True:
            line = skipped + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._refuse(line, skipped + reader.line_num, error)
            if self.has_returns:
                cells = [cell.replace(HELD_RETURN, "\r") for cell in cells]
            yield line, cells

    def _hold_returns(self) -> Iterator[str]:
        # Decoded line by line for the sake of an error's line number; \n is put back for quoted cells that span lines.
        for _, line in islice(decode_lines(self.path, self.decode), self.form.skipped_lines, None):
            if "\r" in line:
                line = line.replace("\r", HELD_RETURN)
                self.has_returns = True
            yield f"{line}\n"

    def _refuse(self, first: int, last: int, error: csv.Error) -> NoReturn:
        """Says in other words what the csv module says, with the line where the mark stands that leads it astray."""
        advice = (
            'A quotation mark inside of a cell in marks is written twice, "", and not behind a backslash. Where marks '
            "are text, set data.quoting to none."
        )
        if "unexpected end" in str(error):
            line = self._find_opening(first)
            raise DataError(
                f"{self.path} line {line}: a quotation mark opens a cell here, and none closes it up to the end of the "
                f"file. {advice}"
            ) from None
        if "expected after" in str(error):
            raise DataError(
                f"{self.path} line {first}: in this row a cell in quotation marks goes on behind the closing one "
                f"(line {last}). {advice}"
            ) from None
        raise DataError(f"{self.path} line {first}: {error}.") from None

    def _find_opening(self, first: int) -> int:
        """The line of the last mark that opens a cell, in a row that begins at a line and ends with the file."""
        opening = first
        is_open = False
        lines = decode_lines(self.path, self.decode)
        for number, (_, line) in enumerate(islice(lines, first - 1, None), first):
            marks = line.count('"') - 2 * line.count('""')
            if marks:
                is_open = is_open != bool(marks % 2)
                opening = number if is_open else opening
        return opening


def check_names(where: str, what: str, names: Sequence[str]) -> None:
    """Refuses columns of the same name; those without one cannot be asked for.

    Raises:
        DataError: naming them.
    """
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise DataError(f"{where}: the {what} names {', '.join(map(repr, repeated))} more than once.")


def _is_blank(cells: Sequence[str]) -> bool:
    """Whether the cells of a row that has too many or too few are those of a blank line."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _refuse_cells(
    where: str,
    cells: Sequence[str],
    header: Sequence[str],
    table: TableOptions,
    form: TableForm,
) -> NoReturn:
    named = f" (data.header names {', '.join(map(repr, header))})" if table.header else ""
    marks = "quotation marks may stand around them" if form.is_quoted else "quotation marks are text"
    raise DataError(
        f"{where}: expected {len(header)} cells{named}, found {len(cells)}. Cells are {form}, and {marks}; where that "
        "is wrong, set data.delimiter and data.quoting."
    )


# What a recipe leaves open.


def _find_form(path: Path, kind: FileKind, table: TableOptions) -> TableForm:
    lines = _read_sample(path)
    if len(lines) == 1 and "\r" in lines[0]:
        raise DataError(
            f"{path}: the lines end in carriage returns alone, as on the first Macintosh. Convert them: "
            "tr '\\r' '\\n' < FILE > NEW_FILE"
        )
    named = EXCEL_DELIMITER.fullmatch(lines[0]) if lines else None
    if named:
        lines = lines[1:]
    if table.delimiter is not None:
        delimiter = table.delimiter
    elif named:
        delimiter = named[1]
    elif table.quoting == "by_ending":
        delimiter = OWN_DELIMITER[kind]
    else:
        delimiter = _find_delimiter(lines, OWN_DELIMITER[kind], len(table.header))
    form = TableForm(delimiter, _has_quoted_cells(lines, kind, delimiter, table.quoting), 1 if named else 0)
    if table.delimiter is None and delimiter != OWN_DELIMITER[kind]:
        note_once(f"{path}: cells are {form}, as its first rows show; if not, set data.delimiter or --delimiter.")
    has_marks = any('"' in line for line in lines)
    if table.quoting is None and has_marks and form.is_quoted != (kind == "csv"):
        marks = "stand around cells and are no text" if form.is_quoted else "are text"
        note_once(f"{path}: quotation marks {marks}, as its first rows show; if not, set data.quoting or --quoting.")
    return form


def _read_sample(path: Path) -> list[str]:
    replaced = decode_lines(path, lambda where, line: line.decode(errors="replace"))
    return [line for _, line in islice(replaced, SAMPLED_LINES)]


def _find_delimiter(lines: Sequence[str], own: str, header_width: int) -> str:
    """The delimiter that splits all rows into the same number of cells, else the only one that splits the first.

    The ending's own goes before the others.

    Args:
        header_width: how many columns the recipe names; 0 where the first row does.
    """
    split = {}  # by delimiter, cells of each row
    for delimiter in dict.fromkeys([own, *DELIMITERS.values()]):
        widths = _measure_rows(lines, delimiter)
        if widths and widths[0] > 1 and widths[0] == (header_width or widths[0]):
            split[delimiter] = widths
    even = {delimiter: widths[0] for delimiter, widths in split.items() if len(set(widths)) == 1}
    if own in even:
        return own
    if even:
        return max(even, key=lambda delimiter: even[delimiter])
    return own if len(split) != 1 else next(iter(split))


def _measure_rows(lines: Sequence[str], delimiter: str) -> list[int]:
    """How many cells each row has that is not blank."""
    rows = _split_quoted_rows(lines, delimiter)
    if rows is None:  # marks in the text: they are no help where tabs are, else as the csv module takes them
        form = TableForm(delimiter, delimiter != "\t")
        rows = list(form.read_cells((line.replace("\r", HELD_RETURN) for line in lines), strict=False))
    return [len(row) for row in rows if not _is_blank(row)]


def _has_quoted_cells(
    lines: Sequence[str],
    kind: FileKind,
    delimiter: str,
    chosen: str | None,
) -> bool:
    """Whether quotation marks stand around cells, and are no text.

    Between tabs they are text, as in most files of translations, unless all in the sample stand around whole cells,
    and either some cell could not be written without them, or none but numbers is.
    """
    if chosen == "by_ending":
        return kind == "csv"
    if chosen is not None:
        return chosen == "quoted"
    if delimiter != "\t":
        return True
    rows = _split_quoted_rows(lines, delimiter)
    if rows is None or kind == "csv":
        return rows is not None
    widths = {len(row) for row in rows if not _is_blank(row)}
    return len(widths) == 1 and _needs_marks(rows, lines)


def _needs_marks(rows: Sequence[Sequence[str]], lines: Sequence[str]) -> bool:
    """Whether marks around cells are more than part of their text.

    Args:
        rows: the cells of `lines` between tabs, where marks stand around cells.
    """
    marked = [cell[1:-1] for row in rows for cell in row if cell.startswith('"')]
    widths = {len(line.split("\t")) for line in lines if line.strip()}
    # A mark in a cell is doubled, or a tab or line break in one would make rows uneven.
    if any('""' in cell for cell in marked) or (marked and len(widths) > 1):
        return True
    cells = [cell for row in rows[1:] for cell in row if cell.strip()]  # a header may stand without marks
    return bool(marked) and all(cell.startswith('"') or NUMBER.fullmatch(cell) for cell in cells)


def _split_quoted_rows(lines: Sequence[str], delimiter: str) -> list[list[str]] | None:
    """The cells of rows, marks included; None where a mark stands elsewhere than around a whole cell.

    A row that the end of the sample breaks is left out.
    """
    rows = []
    begun: list[str] = []  # lines of a row with a cell that is open
    for line in lines:
        begun.append(line)
        if '"' not in line and len(begun) == 1:
            rows.append(line.split(delimiter))
            begun = []
        elif sum(part.count('"') for part in begun) % 2 == 0:
            cells = _split_quoted_row("\n".join(begun), delimiter)
            if cells is None:
                return None
            rows.append(cells)
            begun = []
        elif len(begun) > MAX_ROW_LINES:
            return None
    return None if begun and len(lines) < SAMPLED_LINES - 1 else rows


def _split_quoted_row(row: str, delimiter: str) -> list[str] | None:
    cells = []
    start = 0
    while True:
        cell = QUOTED_CELL.match(row, start)
        if cell:
            end = cell.end()
        else:
            end = row.find(delimiter, start)
            end = len(row) if end < 0 else end
        if not cell and '"' in row[start:end]:
            return None
        cells.append(row[start:end])
        if end == len(row):
            return cells
        if row[end] != delimiter:
            return None
        start = end + 1
