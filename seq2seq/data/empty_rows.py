"""Rows without text, as `data.empty` says: refused, all of a file in one message, or left out and counted.

Knows nothing of what a row is made into.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from ..base.console import errors
from ..base.errors import DataError, EmptyTextError
from ..base.formats import format_count
from ..sources.columns import Row, name_file
from .options import EmptyRows

SHOWN_ROWS = 10  # of a file, in messages
SKIP = "set data.empty to skip"

Made = TypeVar("Made")  # of a row


@dataclass
class LeftOut:
    """Rows that were left out, for their text is empty or the tokenizer makes nothing of it.

    counts: how many, by file. first: of each file, where the first stands and what is empty there.
    tokenless: numbers of those that have a text and no token, counted among the rows with text, from 0.
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    tokenless: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def add(self, row: EmptyTextError) -> None:
        file = name_file(row.where)
        self.counts[file] = self.counts.get(file, 0) + 1
        self.first.setdefault(file, f"{row.where}: {row.reason}")

    def tell(self) -> None:
        """Says how many rows were left out, if any."""
        for line in self.list_lines():
            errors().print(line)

    def list_lines(self) -> list[str]:
        """A message for each file."""
        return [
            f"{file}: {format_count(count, 'row')} without text left out, the first: {self.first[file]}."
            for file, count in self.counts.items()
        ]


def keep_filled(
    rows: Iterator[Row],
    make: Callable[[Row], Made],
    empty: EmptyRows,
    left_out: LeftOut,
) -> Iterator[Made]:
    """What is made of the rows of a file that have text; the others go into `left_out`.

    Raises:
        DataError: there are others, and `empty` is to refuse them; or there are no others.
    """
    kept = 0
    for row in rows:
        try:
            made = make(row)
        except EmptyTextError as error:
            if empty == "refuse":
                raise explain_empty(chain([error], _find_empty(rows, make))) from None
            left_out.add(error)
        else:
            kept += 1
            yield made
    if not kept and left_out.first:
        raise DataError(f"{list(left_out.first.values())[-1]}. No row of the file has the texts. Name other columns.")


def _find_empty(rows: Iterable[Row], make: Callable[[Row], Made]) -> Iterator[EmptyTextError]:
    for row in rows:
        try:
            make(row)
        except EmptyTextError as error:
            yield error


def explain_empty(rows: Iterable[EmptyTextError]) -> DataError:
    """One error for all rows without text, of which it shows the first; `rows` is read to its end.

    What is broken in a row behind them ends the list, and is told too.
    """
    shown = []
    count = 0
    broken = ""
    try:
        for row in rows:
            count += 1
            if count <= SHOWN_ROWS:
                shown.append(row)
    except DataError as error:
        broken = f"\nBehind them: {error}"
    if count == 1:
        return DataError(f"{shown[0]} Or leave such rows out: {SKIP}.{broken}")
    lines = [f"  {row.where}: {row.reason}" for row in shown]
    if count > len(shown):
        lines.append(f"  and {count - len(shown):,} more")
    listed = "\n".join(lines)
    return DataError(
        f"{name_file(shown[0].where)}: {count:,} rows have no text. Remove them, give them texts, or leave them out: "
        f"{SKIP}.\n{listed}{broken}"
    )
