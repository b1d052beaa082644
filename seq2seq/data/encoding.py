"""Examples into token ids: framed targets, cut to the limits, with every cut counted.

Ids of all examples stand in one flat array a side, so that millions of examples cost four bytes a token; whether that
array is in memory or mapped from a file makes no difference here. Examples are read as a stream, a chunk at a time.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Self

import numpy

from ..base.errors import DataError
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, encode_texts
from .examples import Example

CHUNK = 1000  # examples tokenized at once: enough to keep the tokenizer's threads busy
ID_TYPE = numpy.int32


class RaggedIds:
    """Rows of ids of different lengths in one flat array.

    Example: rows [[5, 6], [7]] are ids [5, 6, 7] and offsets [0, 2, 3].
    """

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        rows = list(rows)
        lengths = numpy.fromiter(map(len, rows), dtype=ID_TYPE, count=len(rows))
        self._hold(numpy.fromiter(chain.from_iterable(rows), dtype=ID_TYPE, count=int(lengths.sum())), lengths)

    @classmethod
    def from_arrays(cls, ids: numpy.ndarray, lengths: numpy.ndarray) -> Self:
        """Rows that stand in arrays already, in memory or mapped from a file; nothing is copied."""
        rows = cls.__new__(cls)
        rows._hold(ids, lengths)
        return rows

    def _hold(self, ids: numpy.ndarray, lengths: numpy.ndarray) -> None:
        self.ids, self.lengths = ids, lengths
        self.offsets = numpy.zeros(len(lengths) + 1, dtype=numpy.int64)
        numpy.cumsum(lengths, dtype=numpy.int64, out=self.offsets[1:])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> numpy.ndarray:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]


@dataclass(frozen=True)
class Truncation:
    """How many texts were over a limit, and how long the longest was before the cut (in tokens, marks included)."""

    texts: int
    truncated: int
    limit: int
    longest: int

    @property
    def share(self) -> float:
        return self.truncated / self.texts


@dataclass(frozen=True)
class EncodedExamples:
    """Token ids of examples: framed sources, targets as labels (end mark, no begin mark)."""

    sources: RaggedIds
    labels: RaggedIds
    source_truncation: Truncation
    target_truncation: Truncation = field(repr=False)

    def __len__(self) -> int:
        return len(self.sources)

    def exchange_sources(self, count: int) -> tuple[Self, Self]:
        """The first `count` pairs, and the same ones each with the source of the next, the last with that of the first.

        Example: of (a, A), (b, B), (c, C) these, and (b, A), (c, B), (a, C).
        """
        rows = range(min(count, len(self)))
        sources, labels = ([side[row] for row in rows] for side in (self.sources, self.labels))
        pairs, exchanged = (
            replace(self, sources=RaggedIds(side), labels=RaggedIds(labels))
            for side in (sources, [*sources[1:], *sources[:1]])
        )
        return pairs, exchanged

    def compute_fingerprint(self) -> str:
        """SHA-256 of all ids and their lengths: splits with the same one train the same."""
        digest = hashlib.sha256()
        for side in (self.sources, self.labels):
            digest.update(side.lengths)
            digest.update(side.ids)
        return digest.hexdigest()


def encode_examples(
    examples: Iterable[Example],
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_source_tokens: int,
    max_target_tokens: int,
) -> EncodedExamples:
    """Tokenizes and frames examples, into memory.

    Raises:
        DataError: a text has no token at all, such as one of invisible characters alone; the row is named.
    """
    limits = {"max_source_tokens": max_source_tokens, "max_target_tokens": max_target_tokens}
    parts = list(encode_chunks(examples, tokenizers, framing, **limits))
    return EncodedExamples(
        _join_rows([part.sources for part in parts]),
        _join_rows([part.labels for part in parts]),
        join_truncations([part.source_truncation for part in parts], max_source_tokens),
        join_truncations([part.target_truncation for part in parts], max_target_tokens),
    )


def _join_rows(parts: Sequence[RaggedIds]) -> RaggedIds:
    empty = numpy.zeros(0, dtype=ID_TYPE)
    ids, lengths = ([getattr(part, name) for part in parts] for name in ("ids", "lengths"))
    return RaggedIds.from_arrays(numpy.concatenate([empty, *ids]), numpy.concatenate([empty, *lengths]))


def join_truncations(parts: Iterable[Truncation], limit: int) -> Truncation:
    """The counts of all parts of a split."""
    parts = list(parts)
    return Truncation(
        texts=sum(part.texts for part in parts),
        truncated=sum(part.truncated for part in parts),
        limit=limit,
        longest=max((part.longest for part in parts), default=0),
    )


def encode_chunks(
    examples: Iterable[Example],
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_source_tokens: int,
    max_target_tokens: int,
) -> Iterator[EncodedExamples]:
    """As `encode_examples`, some examples at a time, so that their number is not limited by memory."""
    examples = iter(examples)
    while chunk := list(islice(examples, CHUNK)):
        sources = encode_texts(tokenizers.source, [example.source for example in chunk])
        targets = encode_texts(tokenizers.target, [example.target for example in chunk])
        for example, source, target in zip(chunk, sources, targets, strict=True):
            if not source or not target:
                column = "target" if source else "source"
                raise DataError(f"{example.place}: the {column} has no token for this tokenizer. Remove the row.")
        framed = [framing.frame_source(ids, max_source_tokens) for ids in sources]
        labels = [framing.frame_target(ids, max_target_tokens) for ids in targets]
        yield EncodedExamples(
            RaggedIds(ids for ids, _ in framed),
            RaggedIds(ids for ids, _ in labels),
            _count_cuts(framed, sources, framing.source_marks, max_source_tokens),
            _count_cuts(labels, targets, framing.target_marks, max_target_tokens),
        )


def _count_cuts(
    framed: Sequence[tuple[list[int], bool]], uncut: Sequence[list[int]], marks: int, limit: int
) -> Truncation:
    return Truncation(len(framed), sum(was_cut for _, was_cut in framed), limit, max(map(len, uncut)) + marks)


def count_truncated(encoded: EncodedExamples) -> dict[str, int]:
    """How many sources and targets `encode_pairs` cut, as the files of an analysis say."""
    return {
        "truncated_sources": encoded.source_truncation.truncated,
        "truncated_targets": encoded.target_truncation.truncated,
    }
