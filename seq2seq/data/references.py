"""The references of a row: a list of texts in one column, of JSON where a cell holds text alone."""

import json

from ..base.errors import DataError
from ..sources.columns import MISSING, Row, find_value, require_text, search
from .options import ColumnOptions


def read_reference_list(row: Row, column: str) -> tuple[str, ...]:
    """The references of a row; none where it has no column of the default name, or nothing there.

    Raises:
        DataError: the column is missing, or is no list of texts.
    """
    value = search(row.values, column)
    if value is MISSING or value is None or value == "":  # a missing list: null in Parquet, an empty cell in CSV
        if column != ColumnOptions().references:
            find_value(row, column, "Set data.columns.references.")
        return ()
    if isinstance(value, str):  # CSV and TSV have no lists
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, or numbers of thousands of digits, or brackets a thousand deep
            pass
    if not isinstance(value, list) or not value:
        raise DataError(f"{row.where}: column {column!r} must hold a list of texts (in CSV and TSV, as JSON).")
    return tuple(require_text(row, column, text) for text in value)
