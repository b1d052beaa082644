"""Examples into what is stored of them: sources as their kind encodes them, framed targets, truncated texts counted.

All examples stand in one flat array a side (`ragged.py`). They are read as a stream, a chunk at a time.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

import numpy

from ..base.errors import DataError
from ..sources.source import Source, Stored
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, encode_texts
from .examples import Example
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
            digest.update(side.stored_lengths)
            digest.update(side.values)
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
) -> EncodedExamples:
    """Encodes examples, into memory.

    Raises:
        DataError: a text has no token at all, such as one of invisible characters alone; the row is named.
    """
    parts = list(encode_chunks(examples, source, tokenizers, framing, max_target_tokens=max_target_tokens))
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


def encode_chunks(
    examples: Iterable[Example],
    source: Source,
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_target_tokens: int,
) -> Iterator[EncodedExamples]:
    """As `encode_examples`, some examples at a time, so that their number is not limited by memory."""
    examples = iter(examples)
    while chunk := list(islice(examples, CHUNK)):
        values = source.encode([example.source for example in chunk])
        targets = encode_texts(tokenizers.target, [example.target for example in chunk])
        for example, value, target in zip(chunk, values, targets, strict=True):
            # By its length, as a value may be an array, which is neither true nor false.
            if not len(value) or not target:
                raise DataError(_explain_empty(example.where, source, is_source=not len(value)))
        truncated = [source.truncate(value) for value in values]
        labels = [framing.frame_target(ids, max_target_tokens) for ids in targets]
        longest = source.count_positions(measure_rows(values) + source.marks).max()
        yield EncodedExamples(
            _stack_sources(source, [value for value, _ in truncated]),
            RaggedIds(ids for ids, _ in labels),
            _summarize_truncation(truncated, int(longest), source.context.max_source_tokens),
            _summarize_truncation(labels, max(map(len, targets)) + framing.target_marks, max_target_tokens),
        )


def _explain_empty(where: str, source: Source, *, is_source: bool) -> str:
    if is_source and not source.is_text:
        return f"{where}: the source has no position. Remove the row."
    return f"{where}: the {'source' if is_source else 'target'} has no token for this tokenizer. Remove the row."


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
