"""Rows that stand in the data more than once: within a split, and in two splits at once.

Texts are compared as eight bytes of a hash, so that tens of millions of rows fit in memory; among ten million different
texts the chance that any two are taken for one is 3 in a million. Knows no files.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy

from ..text.normalization import collapse_spaces

COMPARISON = "regardless of case and of runs of white space"
HASH_BYTES = 8


@dataclass(frozen=True)
class Matches:
    """Rows that equal others: how many, and the first of them with the first row that it equals, counted from 0."""

    rows: int
    first: tuple[int, int] | None = None


@dataclass(frozen=True)
class TextHashes:
    """Hashes of the rows of a split. Shape: both (rows,), uint64."""

    sources: numpy.ndarray
    pairs: numpy.ndarray


def hash_texts(*texts: str) -> int:
    """One number for some texts in their order, the same regardless of case and of runs of white space."""
    # Joined by what hardly a text holds: else a word could go over from one text to the next unseen.
    folded = "\0".join(collapse_spaces(text).casefold() for text in texts)
    return int.from_bytes(blake2b(folded.encode(), digest_size=HASH_BYTES).digest(), "little")


def find_repeated(hashes: TextHashes) -> Matches:
    """Rows whose source and target stand in an earlier row. Example: pairs a b a a -> 2 rows, the first is 2 like 0."""
    firsts = _find_firsts(hashes.pairs)
    return _summarize_matches(numpy.flatnonzero(firsts != numpy.arange(len(firsts))), firsts)


def find_conflicting(hashes: TextHashes) -> Matches:
    """Rows whose source stands with another target too, all of them counted.

    Example: (a, x) (b, y) (a, x) (a, z) -> 3 rows, those with a; the first that differs is 3, from 0.
    """
    firsts = _find_firsts(hashes.sources)
    differing = numpy.flatnonzero(hashes.pairs != hashes.pairs[firsts])
    # Those too that have the target of the first row: they contradict the differing ones as much.
    rows = int(numpy.isin(firsts, firsts[differing]).sum())
    return Matches(rows, _summarize_matches(differing, firsts).first)


def find_overlap(hashes: numpy.ndarray, others: numpy.ndarray) -> Matches:
    """Rows that stand among others. Example: a b c among c a -> 2 rows, the first is 0 like 1."""
    known, first_rows = numpy.unique(others, return_index=True)
    candidates = numpy.minimum(numpy.searchsorted(known, hashes), len(known) - 1)
    return _summarize_matches(numpy.flatnonzero(known[candidates] == hashes), first_rows[candidates])


def _find_firsts(hashes: numpy.ndarray) -> numpy.ndarray:
    """For every row the first row that equals it."""
    _, first_rows, inverse = numpy.unique(hashes, return_index=True, return_inverse=True)
    return first_rows[inverse]


def _summarize_matches(rows: numpy.ndarray, like: numpy.ndarray) -> Matches:
    return Matches(len(rows), (int(rows[0]), int(like[rows[0]])) if len(rows) else None)
