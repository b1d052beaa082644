"""One pass over the rows of a split for what cached ids do not tell: lengths before truncation, hashes, a sample."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy

from ..text.tokenizers import encode_texts, list_marks
from ..text.written_marks import WrittenMarks
from .duplicates import TextHashes, hash_texts
from .encoding import CHUNK, EncodedExamples
from .examples import Example
from .ragged import measure_rows
from .split import Split


@dataclass(frozen=True)
class Survey:
    """What was found in the texts of a split.

    source_lengths, target_lengths: (rows,) in tokens, marks included, before truncation.
    sample: targets of evenly spaced rows.
    source_marks, target_marks: marks that stand in the texts of each side; none in sources that are no texts.
    """

    source_lengths: numpy.ndarray
    target_lengths: numpy.ndarray
    hashes: TextHashes
    sample: list[str]
    source_marks: WrittenMarks
    target_marks: WrittenMarks


@dataclass(frozen=True)
class _UncutLengths:
    """The lengths of one side, where those that truncation may have shortened are put right chunk by chunk.

    measure: the lengths of whole values, marks included.
    """

    lengths: numpy.ndarray
    limit: int
    measure: Callable[[list[Any]], numpy.ndarray]

    def correct(self, start: int, values: Sequence[Any]) -> None:
        """`values` are those of the rows from `start` on. Only the ones at the limit are encoded again."""
        # What is as long as the limit was cut to it, or just has that length.
        doubtful = numpy.flatnonzero(self.lengths[start : start + len(values)] >= self.limit)
        if len(doubtful):
            self.lengths[start + doubtful] = self.measure([values[index] for index in doubtful.tolist()])


def survey_split(
    split: Split, encoded: EncodedExamples, *, sample_texts: int, advance: Callable[[int], None] = lambda rows: None
) -> Survey:
    """Reads once more the examples that `encoded` was made of; `advance` is told of the rows that are done."""
    rows = len(encoded)
    source = split.source
    sources, targets = _build_uncut_lengths(split, encoded)
    hashes = TextHashes(numpy.empty(rows, dtype=numpy.uint64), numpy.empty(rows, dtype=numpy.uint64))
    sampled = space_evenly(rows, sample_texts)
    sample = []
    marks_of_source = list_marks(split.tokenizers.source) if source.is_text else []
    marks_of_target = list_marks(split.tokenizers.target)
    source_marks = WrittenMarks()
    target_marks = WrittenMarks()
    for start, chunk in _read_chunks(split):
        stop = start + len(chunk)
        values = [example.source for example in chunk]
        texts = [example.target for example in chunk]
        names = list(map(source.identify, values))
        hashes.sources[start:stop] = list(map(hash_texts, names))
        hashes.pairs[start:stop] = list(map(hash_texts, names, texts))
        sources.correct(start, values)
        targets.correct(start, texts)
        source_marks.count(marks_of_source, values)
        target_marks.count(marks_of_target, texts)
        sample += [texts[row - start] for row in sampled[(sampled >= start) & (sampled < stop)]]
        advance(len(chunk))
    return Survey(
        sources.lengths,
        targets.lengths,
        hashes,
        sample,
        source_marks,
        target_marks,
    )


def _build_uncut_lengths(split: Split, encoded: EncodedExamples) -> tuple[_UncutLengths, _UncutLengths]:
    """Those of sources and of targets, not yet put right."""
    source = split.source

    def measure_sources(values: list[Any]) -> numpy.ndarray:
        return source.count_positions(measure_rows(source.encode(values)) + source.marks)

    def measure_targets(texts: list[str]) -> numpy.ndarray:
        return measure_rows(encode_texts(split.tokenizers.target, texts)) + split.framing.target_marks

    sources = _UncutLengths(
        encoded.sources.lengths.copy(),
        split.max_source_tokens,
        measure_sources,
    )
    targets = _UncutLengths(
        encoded.labels.lengths.copy(),
        split.max_target_tokens,
        measure_targets,
    )
    return sources, targets


def _read_chunks(split: Split) -> Iterator[tuple[int, list[Example]]]:
    """The examples some at a time, each list with the number of its first row."""
    examples, start = iter(split.read()), 0
    while chunk := list(islice(examples, CHUNK)):
        yield start, chunk
        start += len(chunk)


def space_evenly(rows: int, wanted: int) -> numpy.ndarray:
    """Row numbers, at most `wanted`, evenly spaced from the first on. 10 rows, 4 wanted -> 0, 2, 5, 7"""
    count = min(rows, wanted)
    return numpy.arange(count) * rows // max(count, 1)


def locate_rows(split: Split, rows: Collection[int]) -> dict[int, str]:
    """File and line of some rows; nothing behind the last of them is read."""
    last = max(rows, default=-1)
    return {row: example.where for row, example in enumerate(islice(split.read(), last + 1)) if row in rows}
