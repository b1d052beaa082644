"""Sources and references of files of predictions: from files of their own, or from the same files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..base.errors import ScoringError
from ..metrics.table import find_metric
from .file_kinds import is_row_format
from .options import TableOptions
from .plain_text import load_intact_texts, load_references, load_texts_if_any


def load_common_references(
    references: str | Path | None,
    predictions: Sequence[str | Path],
    column: str | None,
    table: TableOptions = TableOptions(),
) -> list[tuple[str, ...]]:
    """References of a file, else of the predictions' files, which must all have the same; `column` holds lists.

    Raises:
        DataError: a file is missing or broken, or lacks the column.
        ScoringError: there are none, or they differ.
    """
    if references is not None:
        return load_references(str(references), column, table)
    if plain := [str(name) for name in predictions if not is_row_format(str(name))]:
        raise ScoringError(f"{plain[0]} is plain text, which holds no references. Give a file of references.")
    by_file = [load_references(str(name), column, table) for name in predictions]
    return _require_same(by_file, predictions, "references")


def load_common_sources(
    metrics: Sequence[str],
    sources: str | Path | None,
    predictions: Sequence[str | Path],
    table: TableOptions = TableOptions(),
) -> list[str] | None:
    """Sources of a file, else of the predictions' files where they have them, which must then be the same.

    None where there are none and no metric needs any.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: a metric needs sources and there are none, or they differ.
    """
    if sources is not None:
        return load_intact_texts(str(sources), ["source"], table)
    by_file = [texts for name in predictions if (texts := load_texts_if_any(str(name), "source", table)) is not None]
    if len(by_file) == len(predictions):
        return _require_same(by_file, predictions, "sources")
    if needing := [metric for metric in metrics if find_metric(metric).needs_sources]:
        raise ScoringError(f"{needing[0]} compares with the sources. Give a file of them too.")
    return None


def drop_blank_ends(files: Iterable[tuple[str | Path, list | None]]) -> None:
    """Removes blank lines at the end of plain text that say nothing: those beyond the other files' last, or all files'.

    A last line that is blank in some files of the same length stays: its text is empty there.

    Args:
        files: where texts, or sets of references, are from, and these; None for what there is not.
    """
    texts = [(name, rows) for name, rows in files if rows is not None]
    plain = [rows for name, rows in texts if not is_row_format(name)]
    shortest = min(len(rows) for _, rows in texts)
    for rows in plain:
        while len(rows) > shortest and _is_blank(rows[-1]):
            rows.pop()
    while len(plain) == len(texts) and all(rows and _is_blank(rows[-1]) for rows in plain):
        for rows in plain:
            rows.pop()


def _is_blank(text: str | tuple[str, ...]) -> bool:
    return not "".join(text).strip()


def _require_same(
    by_file: Sequence[list],
    predictions: Sequence[str | Path],
    what: str,
) -> list:
    for name, texts in zip(predictions, by_file, strict=True):
        if texts != by_file[0]:
            raise ScoringError(
                f"{name} has other {what} than {predictions[0]}. Only outputs for the same texts can be compared."
            )
    return by_file[0]
