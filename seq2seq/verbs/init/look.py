"""Looks through a file of pairs: lengths, repetitions and rows without text of all, scripts and case of a sample.

One pass, of which a number or two for each row are kept. Imports no torch.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy

from ...base.errors import DataError
from ...data.duplicates import TextHashes, find_repeated, hash_texts
from ...data.empty_rows import LeftOut, keep_filled
from ...data.examples import read_filled_text
from ...data.lengths import LengthSummary, summarize_lengths
from ...data.options import REFERENCES, ColumnOptions, LayoutOptions
from ...data.readers import read_rows
from ...data.references import read_reference_list
from ...sources.columns import Row
from ...text.scripts import measure_scripts
from ..options.init import InitOptions
from .columns import LOOKED_AT, ChosenColumns, choose_columns
from .figures import FileFigures, SideFigures

SAMPLED = 2000  # rows at least, of a larger file, of which scripts, case and tokens are looked at: a second's work


@dataclass(frozen=True)
class Pair:
    """The texts of a row, with white space at the ends stripped."""

    row: Row
    source: str
    target: str


@dataclass
class EvenSample:
    """Evenly spaced ones of things that pass by, whose number nobody knows: between `wanted` and twice as many."""

    wanted: int
    stride: int = 1
    passed: int = 0
    kept: list[Any] = field(default_factory=list)

    def add(self, one: Any) -> None:
        if self.passed % self.stride == 0:
            self.kept.append(one)
        self.passed += 1
        if len(self.kept) >= 2 * self.wanted:
            del self.kept[1::2]
            self.stride *= 2


@dataclass
class _Lengths:
    """The lengths of one side, row by row."""

    words: array = field(default_factory=lambda: array("l"))
    characters: array = field(default_factory=lambda: array("l"))

    def add(self, text: str) -> None:
        self.words.append(len(text.split()))
        self.characters.append(len(text))

    def summarize(self, sample: Sequence[str]) -> SideFigures:
        return SideFigures(
            words=_summarize(self.words),
            characters=_summarize(self.characters),
            sample=tuple(sample),
            scripts=measure_scripts(sample),
            capitals=sum(text != text.lower() for text in sample) / len(sample),
        )


def _summarize(lengths: array) -> LengthSummary:
    counts = numpy.array(lengths)
    return summarize_lengths(counts, int(counts.max()))


@dataclass(frozen=True)
class Looked:
    """What was found, and the hashes of all rows."""

    file: FileFigures
    hashes: TextHashes


def build_layout_of(options: InitOptions, columns: ChosenColumns) -> LayoutOptions:
    """How the file's rows are read; those without text are left out, and counted."""
    return LayoutOptions(
        columns=ColumnOptions(source=columns.source, target=columns.target, references=REFERENCES),
        header=options.header,
        delimiter=options.delimiter,
        quoting=options.quoting,
        empty="skip",
    )


def find_columns(name: str, options: InitOptions) -> ChosenColumns:
    """The columns of a file, from its first rows.

    Raises:
        DataError: it cannot be read, or as `choose_columns`.
    """
    rows = list(islice(read_rows(name, options.table), LOOKED_AT))
    return choose_columns(
        name,
        rows,
        source=options.source_column,
        target=options.target_column,
    )


def read_pairs(name: str, layout: LayoutOptions, left_out: LeftOut) -> Iterator[Pair]:
    """The pairs of a file; rows without text go into `left_out`.

    Raises:
        DataError: the file or a row of it is broken, or no row has text.
    """

    def build(row: Row) -> Pair:
        return Pair(
            row=row,
            source=read_filled_text(row, layout.columns.source, (), "Set data.columns.source."),
            target=read_filled_text(row, layout.columns.target, (), "Set data.columns.target."),
        )

    return keep_filled(read_rows(name, layout), build, layout.empty, left_out)


def look_through(
    name: str,
    layout: LayoutOptions,
    columns: ChosenColumns,
    advance: Callable[[], None] = lambda: None,
) -> Looked:
    """Reads a file once; `advance` is told of each row.

    Raises:
        DataError: as `read_pairs`.
    """
    left_out = LeftOut()
    source = _Lengths()
    target = _Lengths()
    sources = array("Q")
    pairs = array("Q")
    sample = EvenSample(SAMPLED)
    form = ""
    has_references = None
    for pair in read_pairs(name, layout, left_out):
        source.add(pair.source)
        target.add(pair.target)
        sources.append(hash_texts(pair.source))
        pairs.append(hash_texts(pair.source, pair.target))
        sample.add((pair.source, pair.target))
        if has_references is None:
            form = pair.row.form
            has_references = has_reference_list(pair.row)
        advance()
    hashes = TextHashes(numpy.array(sources), numpy.array(pairs))
    figures = FileFigures(
        name=name,
        form=form,
        rows=len(sources),
        left_out=left_out,
        columns=columns,
        source=source.summarize([pair[0] for pair in sample.kept]),
        target=target.summarize([pair[1] for pair in sample.kept]),
        repeated=find_repeated(hashes),
        sources=len(numpy.unique(hashes.sources)),
        references=has_references,
    )
    return Looked(figures, hashes)


def has_reference_list(row: Row) -> bool | None:
    """Whether the column of that name holds a list of texts; None where the row has none, or nothing in it."""
    try:
        return bool(read_reference_list(row, REFERENCES)) or None
    except DataError:
        return False
