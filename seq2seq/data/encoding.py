"""Examples into what is stored of them: sources as their kind encodes them, framed targets, truncated texts counted.

All examples stand in one flat array a side (`ragged.py`). They are read as a stream, a chunk at a time.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Self

import numpy

from ..base.errors import DataError, EmptyTextError
from ..sources.source import Source, Stored
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, encode_texts
from .empty_rows import LeftOut, explain_empty
from .examples import Example
from .options import EmptyRows
from .ragged import RaggedIds, RaggedRows, measure_rows, stack_values

CHUNK = 1000  # examples tokenized at once: enough to keep the tokenizer's threads busy


@dataclass(frozen=True)
class Truncation:
    """How many texts were over a limit, and how long the longest was before that (in tokens, marks included).

    Sources that are no texts are counted in positions.
    """

    texts: int
    truncated: int
    limit: int
    longest: int

    @property
    def share(self) -> float:
        return self.truncated / self.texts


@dataclass(frozen=True)
class EncodedExamples:
    """What is stored of examples: truncated sources, targets as labels (token ids, end mark, no begin mark)."""

    sources: RaggedRows
    labels: RaggedIds
    source_truncation: Truncation
    target_truncation: Truncation = field(repr=False)

    def __len__(self) -> int:
        return len(self.sources)

    def exchange_sources(self, count: int) -> tuple[Self, Self] | None:
        """The first `count` pairs, and the same ones each with the source of the next one whose source is another.

        The last are followed by the first. None where all pairs of the split have one source.

        Example: of (a, A), (b, B), (b, C), (c, D) these, and (b, A), (c, B), (c, C), (a, D).
        """
        rows = range(min(count, len(self)))
        sources = [self.sources[row] for row in rows]
        exchanged = _exchange(sources)
        if exchanged is None and (other := self._find_other_source(count)) is not None:
            exchanged = [other for _ in rows]
        if exchanged is None:
            return None
        labels = RaggedIds(self.labels[row] for row in rows)
        return (
            replace(self, sources=self.sources.stack_like(sources), labels=labels),
            replace(self, sources=self.sources.stack_like(exchanged), labels=labels),
        )

    def _find_other_source(self, start: int) -> numpy.ndarray | None:
        """The first source from a row on that is not that of the first row; None where there is none."""
        for row in range(start, len(self)):
            if not numpy.array_equal(self.sources[row], self.sources[0]):
                return self.sources[row]
        return None

    def compute_fingerprint(self) -> str:
        """SHA-256 of all values and their lengths: splits with the same one train the same."""
        digest = hashlib.sha256()
        for side in (self.sources, self.labels):
            digest.update(side.stored_lengths.data)
            digest.update(side.values.data)
        return digest.hexdigest()


def _exchange(sources: Sequence[numpy.ndarray]) -> list[numpy.ndarray] | None:
    """For each source the next that is another, the last followed by the first; None where all are alike.

    Example: a, a, b, c -> b, b, c, a
    """
    keys = [source.tobytes() for source in sources]
    if len(set(keys)) < 2:
        return None
    exchanged = []
    for row, key in enumerate(keys):
        following = [*range(row + 1, len(keys)), *range(row)]
        exchanged.append(sources[next(other for other in following if keys[other] != key)])
    return exchanged


def encode_examples(
    examples: Iterable[Example],
    source: Source,
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_target_tokens: int,
    empty: EmptyRows = "refuse",
    left_out: LeftOut | None = None,
) -> EncodedExamples:
    """Encodes examples, into memory; those without a token go into `left_out` where `empty` is to skip them.

    Raises:
        DataError: a text has no token at all, such as one of invisible characters alone, and `empty` is to refuse it;
            all such rows are named. Or every row is one.
    """
    chunks = encode_chunks(
        examples,
        source,
        tokenizers,
        framing,
        max_target_tokens=max_target_tokens,
        empty=empty,
        left_out=left_out,
    )
    parts = list(chunks)
    limit = source.context.max_source_tokens
    return EncodedExamples(
        _join_sources(source, [part.sources for part in parts]),
        _join_labels([part.labels for part in parts]),
        join_truncations([part.source_truncation for part in parts], limit),
        join_truncations([part.target_truncation for part in parts], max_target_tokens),
    )


def _join_sources(source: Source, parts: Sequence[RaggedRows]) -> RaggedRows:
    values = numpy.zeros((0, *source.width), dtype=source.dtype)
    lengths = measure_rows([])
    if parts:
        values = numpy.concatenate([part.values for part in parts])
        lengths = numpy.concatenate([part.stored_lengths for part in parts])
    return RaggedRows(values, lengths, source.count_positions)


def _join_labels(parts: Sequence[RaggedIds]) -> RaggedIds:
    if not parts:
        return RaggedIds([])
    ids = numpy.concatenate([part.ids for part in parts])
    return RaggedIds.from_arrays(ids, numpy.concatenate([part.lengths for part in parts]))


def join_truncations(parts: Iterable[Truncation], limit: int) -> Truncation:
    """The counts of all parts of a split."""
    parts = list(parts)
    return Truncation(
        texts=sum(part.texts for part in parts),
        truncated=sum(part.truncated for part in parts),
        limit=limit,
        longest=max((part.longest for part in parts), default=0),
    )


@dataclass(frozen=True)
class _TokenizedChunk:
    """Some examples, and what the source and the target tokenizer make of each, whole and without marks.

    start: the number of the first example, from 0.
    """

    start: int
    examples: list[Example]
    sources: Sequence[Stored]
    targets: list[list[int]]

    def find_tokenless(self, source: Source) -> dict[int, EmptyTextError]:
        """The examples that one side makes nothing of, by their number in the chunk."""
        found = {}
        for index, (example, value, target) in enumerate(zip(self.examples, self.sources, self.targets, strict=True)):
            # By its length, as a value may be an array, which is neither true nor false.
            if not len(value) or not target:
                found[index] = _explain_tokenless(example.where, source, is_source=not len(value))
        return found

    def without(self, left_out: Container[int]) -> Self:
        """The same chunk without the examples of some numbers."""
        kept = [index for index in range(len(self.examples)) if index not in left_out]
        return replace(
            self,
            examples=[self.examples[index] for index in kept],
            sources=[self.sources[index] for index in kept],
            targets=[self.targets[index] for index in kept],
        )


def encode_chunks(
    examples: Iterable[Example],
    source: Source,
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_target_tokens: int,
    empty: EmptyRows = "refuse",
    left_out: LeftOut | None = None,
) -> Iterator[EncodedExamples]:
    """As `encode_examples`, some examples at a time, so that their number is not limited by memory."""
    left_out = LeftOut() if left_out is None else left_out
    chunks = _tokenize(examples, source, tokenizers)
    kept = 0
    for chunk in chunks:
        tokenless = chunk.find_tokenless(source)
        if tokenless and empty == "refuse":
            later = (error for other in chunks for error in other.find_tokenless(source).values())
            raise explain_empty(chain(tokenless.values(), later))
        for index, error in tokenless.items():
            left_out.add(error)
            left_out.tokenless.append(chunk.start + index)
        if tokenless:
            chunk = chunk.without(tokenless)
        if chunk.examples:
            kept += len(chunk.examples)
            yield _encode_chunk(chunk, source, framing, max_target_tokens)
    if left_out.tokenless and not kept:
        raise DataError(f"{next(iter(left_out.first.values()))}. No row is left. Choose another tokenizer.")


def _tokenize(examples: Iterable[Example], source: Source, tokenizers: TokenizerPair) -> Iterator[_TokenizedChunk]:
    examples = iter(examples)
    start = 0
    while chunk := list(islice(examples, CHUNK)):
        values = source.encode([example.source for example in chunk])
        targets = encode_texts(tokenizers.target, [example.target for example in chunk])
        yield _TokenizedChunk(start, chunk, values, targets)
        start += len(chunk)


def _encode_chunk(
    chunk: _TokenizedChunk,
    source: Source,
    framing: Framing,
    max_target_tokens: int,
) -> EncodedExamples:
    truncated = [source.truncate(value) for value in chunk.sources]
    labels = [framing.frame_target(ids, max_target_tokens) for ids in chunk.targets]
    longest = source.count_positions(measure_rows(chunk.sources) + source.marks).max()
    return EncodedExamples(
        _stack_sources(source, [value for value, _ in truncated]),
        RaggedIds(ids for ids, _ in labels),
        _summarize_truncation(truncated, int(longest), source.context.max_source_tokens),
        _summarize_truncation(labels, max(map(len, chunk.targets)) + framing.target_marks, max_target_tokens),
    )


def _explain_tokenless(where: str, source: Source, *, is_source: bool) -> EmptyTextError:
    if is_source and not source.is_text:
        return EmptyTextError(where, "the source has no position", "Remove the row.")
    side = "source" if is_source else "target"
    return EmptyTextError(where, f"the {side} has no token for this tokenizer", "Remove the row.")


def _stack_sources(source: Source, rows: Sequence[Stored]) -> RaggedRows:
    try:
        values = stack_values(rows, source.dtype, source.width)
    except ValueError as error:
        raise DataError(
            f"source: {type(source).__name__}.encode gave something else than rows of {source.dtype} of the shape "
            f"(positions, {', '.join(map(str, source.width))}): {error}."
        ) from None
    return RaggedRows(values, measure_rows(rows), source.count_positions)


def _summarize_truncation(
    kept: Sequence[tuple[Any, bool]],
    longest: int,
    limit: int,
) -> Truncation:
    return Truncation(len(kept), sum(was_truncated for _, was_truncated in kept), limit, longest)


def count_truncated(encoded: EncodedExamples) -> dict[str, int]:
    """How many sources and targets were truncated, and to how many tokens, as the files of an analysis say."""
    return {
        "truncated_sources": encoded.source_truncation.truncated,
        "truncated_targets": encoded.target_truncation.truncated,
        "max_source_tokens": encoded.source_truncation.limit,
        "max_target_tokens": encoded.target_truncation.limit,
    }
