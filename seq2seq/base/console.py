"""What people see while something runs: tables and progress on standard error, results on standard output."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

TABLE_WIDTH = 120  # characters, where the output is no terminal

# Looked up anew at every use, because tests and callers may replace the streams.


def errors() -> Console:
    """Where messages and progress go."""
    return _open(sys.stderr)


def output() -> Console:
    """Where results go."""
    return _open(sys.stdout)


_noted: set[str] = set()


def note_once(line: str) -> None:
    """Prints what every further pass over a file would say again; of several processes, the first alone."""
    if line not in _noted and os.environ.get("RANK", "0") == "0":
        _noted.add(line)
        errors().print(line)


def _open(stream: TextIO) -> Console:
    # A file has no width; lines of text are left whole there, tables get room for their columns.
    # Texts are printed as they are: rich would take [b] for markup and :x: for a picture.
    plain = {"highlight": False, "markup": False, "emoji": False}
    if stream.isatty():
        return Console(file=stream, **plain)
    return _FileConsole(file=stream, width=TABLE_WIDTH, **plain)


class _FileConsole(Console):
    """Wraps tables alone."""

    def print(self, *objects: Any, **options: Any) -> None:
        has_table = any(isinstance(item, Table) for item in objects)
        options.setdefault("soft_wrap", not has_table)
        super().print(*objects, **options)


class ProgressBar:
    """A bar with a note on a terminal; plain lines elsewhere, one for each note; nothing where it is not visible."""

    def __init__(
        self,
        progress: Progress | None,
        description: str,
        total: int | None,
        visible: bool,
    ) -> None:
        self.done = 0
        self._progress = progress
        self._description = description
        self._total = total
        self._visible = visible
        self._task = None
        if progress is not None:
            self._task = progress.add_task(description, total=total, note="")

    def advance(self, amount: int = 1) -> None:
        self.done += amount
        if self._progress is not None:
            self._progress.advance(self._task, amount)

    def note(self, text: str) -> None:
        """Shows a short state, such as loss and rate."""
        if self._progress is not None:
            self._progress.update(self._task, note=text)
        elif self._visible:
            done = f"{self.done:,}"
            if self._total is not None:
                done = f"{self.done}/{self._total}"
            errors().print(f"{self._description} {done}  {text}")


@contextmanager
def show_progress(
    description: str,
    total: int | None,
    *,
    done: int = 0,
    visible: bool = True,
) -> Iterator[ProgressBar]:
    """A progress bar with elapsed and remaining time while the block runs; a total of None is not known."""
    console = errors()
    if not (visible and console.is_terminal):
        bar = ProgressBar(None, description, total, visible)
        bar.advance(done)
        yield bar
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bar = ProgressBar(progress, description, total, visible)
        bar.advance(done)
        yield bar


def build_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Table:
    """A table whose first column is text and whose others are figures."""
    # Text, not strings: a square bracket in a path is no markup.
    table = Table(title=Text(title), title_justify="left")
    for index, name in enumerate(header):
        table.add_column(
            Text(name),
            justify="left" if index == 0 else "right",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def build_fitting_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Table:
    """A table whose figures stay whole on standard output: turned, the header down its side, where that is narrower."""
    turned_header, *turned_rows = zip(header, *rows, strict=True)
    needed = _measure_table(header, rows)
    turned = _measure_table(turned_header, turned_rows)
    if needed > output().width and turned < needed:
        return build_table(title, turned_header, turned_rows)
    return build_table(title, header, rows)


def _measure_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The width in which no line of a figure is broken, nor a word of the first column."""
    first, *others = zip(header, *rows, strict=True)
    widths = [_measure_longest(column, "\n") for column in others]
    # rich narrows the widest columns first: a first column as wide as the others leaves them as they are.
    first_width = max([_measure_longest(first, None), *widths])
    borders = 3 * (1 + len(widths)) + 1
    return first_width + sum(widths) + borders


def _measure_longest(cells: Iterable[str], separator: str | None) -> int:
    """The width of the widest part of some cells, split at line breaks or, for None, into words."""
    parts = [part for cell in cells for part in cell.split(separator)]
    return max(map(cell_len, parts), default=0)
