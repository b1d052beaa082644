"""Rows into examples: the chosen columns, normalized and checked.

An example is a source, a target and its references, all text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..base.errors import DataError
from ..text.normalization import normalize_text
from .columns import format_columns, read_reference_list, read_text
from .options import LayoutOptions
from .readers import Row, read_rows


@dataclass(frozen=True)
class Example:
    """One pair of texts, normalized, stripped of white space at the ends, and where it came from."""

    source: str
    target: str
    references: tuple[str, ...]
    place: str


def read_examples(names: Iterable[str], layout: LayoutOptions) -> Iterator[Example]:
    """Streams the examples of some data names, in their order.

    Raises:
        DataError: see `read_rows`; or a column is missing, is no text, or is empty.
    """
    return (build_example(row, layout) for name in names for row in read_rows(name, layout.header))


def load_examples(names: Iterable[str], layout: LayoutOptions) -> list[Example]:
    """All examples of some data names, in their order.

    Raises:
        DataError: as `read_examples`.
    """
    return list(read_examples(names, layout))


def build_example(row: Row, layout: LayoutOptions) -> Example:
    """The example of one row.

    Raises:
        DataError: a column is missing, is no text, or holds nothing but white space.
    """
    columns, steps = layout.columns, layout.normalization
    target = read_filled_text(row, columns.target, steps, "Set data.columns.target.")
    references = read_reference_list(row, columns.references)
    return Example(
        source=read_filled_text(row, columns.source, steps, "Set data.columns.source."),
        target=target,
        references=tuple(_clean(row, [columns.references], text, steps) for text in references) or (target,),
        place=row.place,
    )


def read_filled_text(row: Row, columns: Sequence[str], steps: Sequence[str], advice: str) -> str:
    """The text of some columns after the steps of normalization, stripped; `advice` as in `read_text`.

    Raises:
        DataError: a column is missing or is no text, or nothing is left.
    """
    return _clean(row, columns, read_text(row, columns, advice), steps)


def _clean(row: Row, columns: Sequence[str], text: str, steps: Sequence[str]) -> str:
    cleaned = normalize_text(text, steps).strip()
    if not cleaned:
        state = f"{'are' if len(columns) > 1 else 'is'} empty" + (" after normalization" if text.strip() else "")
        raise DataError(f"{row.place}: {format_columns(columns)} {state}. Remove the row or give it a text.")
    return cleaned
