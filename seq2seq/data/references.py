"""The references of a row: a list of texts in one column, of JSON where a cell holds text alone."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..base.errors import DataError
from ..sources.columns import MISSING, Row, find_value, require_text, search
from .options import REFERENCES, ColumnOptions

if TYPE_CHECKING:
    from .examples import Example

SWITCH_OFF = "set data.columns.references to null (as a flag: --references-column '')"


def read_reference_list(row: Row, column: str | None) -> tuple[str, ...]:
    """The references of a row; none where it has no column of the default name, or nothing there, or none is named.

    Raises:
        DataError: the column is missing, or is no list of texts.
    """
    if column is None:
        return ()
    value = search(row.values, column)
    if value is MISSING or value is None or value == "":  # a missing list: null in Parquet, an empty cell in CSV
        if column != REFERENCES:
            find_value(row, column, "Set data.columns.references.")
        return ()
    if isinstance(value, str):  # CSV and TSV have no lists
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, or numbers of thousands of digits, or brackets a thousand deep
            pass
    texts = value if isinstance(value, list) else []
    fault = None
    if not texts:
        fault = "must hold a list of texts (in CSV and TSV, as JSON)"
    elif others := [type(text).__name__ for text in texts if not isinstance(text, str)]:
        fault = f"holds {others[0]}, expected text"
    if fault is not None:
        raise DataError(f"{row.where}: column {column!r} {fault}. If it is something else, {SWITCH_OFF}.")
    return tuple(require_text(row, column, text) for text in texts)


def find_other_references(examples: Iterable["Example"], columns: ColumnOptions) -> str | None:
    """What to tell where a column of the default name may hold no references; None where it does, or is not there."""
    rows = [example for example in examples if example.has_references]
    return find_fault([example.target for example in rows], [example.references for example in rows], columns)


def find_fault(targets: Sequence[str], references: Sequence[Sequence[str]], columns: ColumnOptions) -> str | None:
    """What to tell where no target is among the references of its row; else None.

    Such a column takes the targets' place in scores though nobody asked for it, if it has the default name.
    """
    column = columns.references
    if column != REFERENCES or not targets:
        return None
    if any(target in row for target, row in zip(targets, references, strict=True)):
        return None
    return (
        f"column {column!r} is used for scores in place of {', '.join(map(repr, columns.target))}: none of "
        f"{len(targets):,} equals its target. If it is something else, {SWITCH_OFF}."
    )
