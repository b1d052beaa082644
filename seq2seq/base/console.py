"""What people see while something runs: tables and progress on standard error, results on standard output."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from .console_log import PLAIN, ConsoleLog
from .errors import Seq2SeqError

TABLE_WIDTH = 120  # characters, where the output is no terminal
NARROW_WIDTH = 80  # of most terminals; what a first run shows fits in it everywhere

# Looked up anew at every use, because tests and callers may replace the streams.


def errors() -> Console:
    """Where errors and warnings go."""
    return _open(sys.stderr)


def messages() -> Console:
    """Where progress and other good news go; nowhere while the console is quiet."""
    return _open(sys.stderr, hidden=_state.is_quiet)


def output() -> Console:
    """Where results go."""
    return _open(sys.stdout)


def speaks_for_machine() -> bool:
    """Whether this process tells people what all processes of its machine would tell."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@dataclass
class _State:
    """What holds for every console of this process.

    is_quiet: whether messages are hidden. log: what is told goes there too, hidden or not.
    """

    is_quiet: bool = False
    log: ConsoleLog | None = None


_state = _State()


@contextmanager
def be_quiet() -> Iterator[None]:
    """Shows errors, warnings and results alone while the block runs."""
    before = _state.is_quiet
    _state.is_quiet = True
    try:
        yield
    finally:
        _state.is_quiet = before


@contextmanager
def keep_log(wanted: bool) -> Iterator[None]:
    """Keeps what is told while the block runs, and the error that ends it, for the file that `write_log_to` names."""
    before = _state.log
    _state.log = ConsoleLog() if wanted else None
    try:
        yield
    except (Seq2SeqError, KeyboardInterrupt) as error:
        if _state.log is not None:
            _state.log.print(f"{type(error).__name__}: {error}")
        raise
    finally:
        _state.log = before


def write_log_to(path: Path, heading: str) -> None:
    """Appends what was kept, and what will be told, to a file; does nothing where no log is kept."""
    if _state.log is not None:
        _state.log.open(path, heading)


_noted: set[str] = set()


def note_once(line: str) -> None:
    """Prints what every further pass over a file would say again; of several processes, the first alone."""
    if line not in _noted and os.environ.get("RANK", "0") == "0":
        _noted.add(line)
        errors().print(line)


def _open(stream: TextIO, *, hidden: bool = False) -> Console:
    # A file has no width; lines of text are left whole there, tables get room for their columns.
    if stream.isatty():
        return _LoggedConsole(file=stream, quiet=hidden, **PLAIN)
    return _FileConsole(file=stream, quiet=hidden, width=TABLE_WIDTH, **PLAIN)


class _LoggedConsole(Console):
    """Tells the log too."""

    def print(self, *objects: Any, **options: Any) -> None:
        # A bar that is drawn anew prints other things than these.
        if _state.log is not None and all(isinstance(item, str | Table | Text) for item in objects):
            _state.log.print(*objects)
        super().print(*objects, **options)


class _FileConsole(_LoggedConsole):
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
        """Shows a short state, such as loss and rate; the next one takes its place on a terminal."""
        if self._progress is None:
            self.tell(text)
            return
        self._progress.update(self._task, note=text)
        if _state.log is not None:
            _state.log.print(self._format_line(text))

    def tell(self, text: str) -> None:
        """Says what is to stay, such as a validation: on a line of its own, above the bar of a terminal."""
        self.print(self._format_line(text))

    def print(self, line: str) -> None:
        """A line that stays, without saying how far all has come."""
        if not self._visible:
            return
        # The bar's own console prints above the bar; another one's lines would be drawn over.
        console = messages() if self._progress is None else self._progress.console
        console.print(line)

    def _format_line(self, text: str) -> str:
        done = f"{self.done:,}"
        if self._total is not None:
            done = f"{self.done}/{self._total}"
        return f"{self._description} {done}  {text}"


@contextmanager
def show_progress(
    description: str,
    total: int | None,
    *,
    done: int = 0,
    visible: bool = True,
) -> Iterator[ProgressBar]:
    """A progress bar with elapsed and remaining time while the block runs; a total of None is not known."""
    console = messages()
    if not (visible and console.is_terminal) or _state.is_quiet:
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
    *,
    width: int | None = None,
) -> Table:
    """A table whose figures stay whole: turned, the header down its side, where that is narrower.

    width: what it is to fit in; left out, that of standard output.
    """
    turned_header, *turned_rows = zip(header, *rows, strict=True)
    needed = _measure_table(header, rows)
    turned = _measure_table(turned_header, turned_rows)
    if needed > (width or output().width) and turned < needed:
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
