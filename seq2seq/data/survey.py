"""One pass over the texts of a split for what its cached ids do not tell: lengths before the cut, hashes, a sample."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy
from transformers import PreTrainedTokenizerFast

from ..text.tokenizers import encode_texts
from .duplicates import TextHashes, hash_texts
from .encoding import CHUNK, EncodedExamples
from .examples import Example
from .split import Split


@dataclass(frozen=True)
class Survey:
    """What was found in the texts of a split.

    source_lengths, target_lengths: (rows,) in tokens, marks included, before any cut.
    sample: targets of evenly spaced rows.
    """

    source_lengths: numpy.ndarray
    target_lengths: numpy.ndarray
    hashes: TextHashes
    sample: list[str]


@dataclass(frozen=True)
class _UncutLengths:
    """The lengths of one side, where those that a cut may have shortened are put right chunk by chunk."""

    lengths: numpy.ndarray
    tokenizer: PreTrainedTokenizerFast
    marks: int
    limit: int

    def correct(self, start: int, texts: Sequence[str]) -> None:
        """`texts` are those of the rows from `start` on. Only the ones at the limit are tokenized again."""
        doubtful = numpy.flatnonzero(self.lengths[start : start + len(texts)] >= self.limit)
        found = encode_texts(self.tokenizer, [texts[index] for index in doubtful])
        self.lengths[start + doubtful] = [len(ids) + self.marks for ids in found]


def survey_split(
    split: Split, encoded: EncodedExamples, *, sample_texts: int, advance: Callable[[int], None] = lambda rows: None
) -> Survey:
    """Reads once more the texts that `encoded` was made of; `advance` is told of the rows that are done."""
    rows, framing = len(encoded), split.framing
    sources, targets = (
        _UncutLengths(ids.lengths.copy(), tokenizer, marks, limit)
        for ids, tokenizer, marks, limit in (
            (encoded.sources, split.tokenizers.source, framing.source_marks, split.max_source_tokens),
            (encoded.labels, split.tokenizers.target, framing.target_marks, split.max_target_tokens),
        )
    )
    hashes = TextHashes(numpy.empty(rows, dtype=numpy.uint64), numpy.empty(rows, dtype=numpy.uint64))
    sampled, sample = space_evenly(rows, sample_texts), []
    for start, chunk in _read_chunks(split):
        stop = start + len(chunk)
        hashes.sources[start:stop] = [hash_texts(example.source) for example in chunk]
        hashes.pairs[start:stop] = [hash_texts(example.source, example.target) for example in chunk]
        sources.correct(start, [example.source for example in chunk])
        targets.correct(start, [example.target for example in chunk])
        sample += [chunk[row - start].target for row in sampled[(sampled >= start) & (sampled < stop)]]
        advance(len(chunk))
    return Survey(sources.lengths, targets.lengths, hashes, sample)


def _read_chunks(split: Split) -> Iterator[tuple[int, list[Example]]]:
    """The examples some at a time, each list with the number of its first row."""
    examples, start = iter(split.read()), 0
    while chunk := list(islice(examples, CHUNK)):
        yield start, chunk
        start += len(chunk)


def space_evenly(rows: int, wanted: int) -> numpy.ndarray:
    """At most so many row numbers, evenly spaced from the first on. 10 rows, 4 wanted -> 0, 2, 5, 7"""
    count = min(rows, wanted)
    return numpy.arange(count) * rows // max(count, 1)


def locate_rows(split: Split, rows: Collection[int]) -> dict[int, str]:
    """File and line of some rows; nothing behind the last of them is read."""
    last = max(rows, default=-1)
    return {row: example.place for row, example in enumerate(islice(split.read(), last + 1)) if row in rows}
