"""Rows into examples: the chosen columns, normalized and checked.

An example is a source of some kind, a target and its references, which are text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..sources.columns import Row, clean_text, read_text
from ..sources.source import Source
from .empty_rows import LeftOut, keep_filled
from .options import LayoutOptions
from .readers import read_rows
from .references import read_reference_list


@dataclass(frozen=True)
class Example:
    """One pair, its texts normalized and stripped of white space at the ends, and where it came from.

    source: what the kind of source reads; a text unless the recipe says otherwise.
    has_references: whether the row has a list of them; else they are the target alone.
    """

    source: Any
    target: str
    references: tuple[str, ...]
    where: str
    has_references: bool = field(default=False, compare=False)


def read_examples(
    names: Iterable[str],
    layout: LayoutOptions,
    source: Source,
    left_out: LeftOut | None = None,
) -> Iterator[Example]:
    """Streams the examples of some data names, in their order; rows without text that are skipped go into `left_out`.

    Raises:
        DataError: see `read_rows`; or a column is missing, holds something else, or is empty and `layout.empty` is to
            refuse that, in which case all such rows of the file are told.
    """
    left_out = LeftOut() if left_out is None else left_out

    def build(row: Row) -> Example:
        return build_example(row, layout, source)

    for name in names:
        yield from keep_filled(read_rows(name, layout), build, layout.empty, left_out)


def load_examples(
    names: Iterable[str],
    layout: LayoutOptions,
    source: Source,
    left_out: LeftOut | None = None,
) -> list[Example]:
    """All examples of some data names, in their order.

    Raises:
        DataError: as `read_examples`.
    """
    return list(read_examples(names, layout, source, left_out))


def build_example(row: Row, layout: LayoutOptions, source: Source) -> Example:
    """The example of one row.

    Raises:
        DataError: a column is missing, or is no source or text.
        EmptyTextError: one holds nothing, or nothing but white space.
    """
    columns, normalizers = layout.columns, layout.normalization
    target = read_filled_text(row, columns.target, normalizers, "Set data.columns.target.")
    listed = read_reference_list(row, columns.references)
    named = [] if columns.references is None else [columns.references]
    references = tuple(clean_text(row, named, text, normalizers) for text in listed)
    return Example(
        source=source.read_example(row, columns.source, "Set data.columns.source."),
        target=target,
        references=references or (target,),
        where=row.where,
        has_references=bool(references),
    )


def read_filled_text(
    row: Row,
    columns: Sequence[str],
    normalizers: Sequence[str],
    advice: str,
) -> str:
    """The text of some columns after the normalizers, stripped; `advice` as in `read_text`.

    Raises:
        DataError: a column is missing or is no text.
        EmptyTextError: nothing is left.
    """
    return clean_text(row, columns, read_text(row, columns, advice), normalizers)


def show_sources(examples: Sequence[Example], source: Source) -> list[Example]:
    """The same examples with their sources as texts, for scores, tables and files."""
    return [replace(example, source=source.show(example.source)) for example in examples]
