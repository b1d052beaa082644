"""Examples into token ids: framed targets, cut to the limits, with every cut counted.

Ids of all examples stand in one flat array a side, so that millions of examples cost four bytes a token.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy

from ..errors import DataError
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, encode_texts
from .examples import Example

CHUNK = 1000  # examples tokenized at once: enough to keep the tokenizer's threads busy


class RaggedIds:
    """Rows of ids of different lengths in one flat array.

    Example: rows [[5, 6], [7]] are ids [5, 6, 7] and offsets [0, 2, 3].
    """

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        rows = list(rows)
        self.lengths = numpy.fromiter(map(len, rows), dtype=numpy.int32, count=len(rows))
        self.offsets = numpy.concatenate([[0], numpy.cumsum(self.lengths, dtype=numpy.int64)])
        self.ids = numpy.fromiter((i for row in rows for i in row), dtype=numpy.int32, count=int(self.offsets[-1]))

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

    def compute_fingerprint(self) -> str:
        """SHA-256 of all ids and their lengths: splits with the same one train the same."""
        digest = hashlib.sha256()
        for side in (self.sources, self.labels):
            digest.update(side.lengths.tobytes())
            digest.update(side.ids.tobytes())
        return digest.hexdigest()


def encode_examples(
    examples: Sequence[Example],
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    max_source_tokens: int,
    max_target_tokens: int,
) -> EncodedExamples:
    """Tokenizes and frames examples.

    Raises:
        DataError: a text has no token at all, such as one of invisible characters alone; the row is named.
    """
    sources, labels = [], []
    source_lengths, target_lengths = [], []
    truncated = over_source = 0
    source_marks = len(framing.source_prefix) + len(framing.source_suffix)
    target_marks = len(framing.target_prefix) + 1
    for start in range(0, len(examples), CHUNK):
        chunk = examples[start : start + CHUNK]
        source_ids = encode_texts(tokenizers.source, [example.source for example in chunk])
        target_ids = encode_texts(tokenizers.target, [example.target for example in chunk])
        for example, source, target in zip(chunk, source_ids, target_ids, strict=True):
            if not source or not target:
                column = "target" if source else "source"
                raise DataError(f"{example.place}: the {column} has no token for this tokenizer. Remove the row.")
            framed, was_cut = framing.frame_target(target, max_target_tokens)
            framed_source, source_was_cut = framing.frame_source(source, max_source_tokens)
            sources.append(framed_source)
            labels.append(framed)
            source_lengths.append(len(source) + source_marks)
            target_lengths.append(len(target) + target_marks)
            truncated += was_cut
            over_source += source_was_cut
    return EncodedExamples(
        RaggedIds(sources),
        RaggedIds(labels),
        Truncation(len(examples), over_source, max_source_tokens, max(source_lengths, default=0)),
        Truncation(len(examples), truncated, max_target_tokens, max(target_lengths, default=0)),
    )
