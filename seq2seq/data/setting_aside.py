"""Which rows are set aside for validation and test: whole groups of rows of one source, drawn by a seed.

Sources are known by hashes alone (`duplicates.hash_texts`), so that a row is assigned as it passes by, and files may be
larger than memory. Knows no files.
"""

from collections.abc import Collection, Mapping

import numpy

from ..base.errors import DataError
from ..base.randomness import derive_seed


def draw_sources(
    sources: numpy.ndarray,
    wanted: Mapping[str, int],
    *,
    seed: int,
    left_out: Collection[int] = (),
) -> dict[str, frozenset[int]]:
    """By part, the hashes of the sources whose rows are set aside for it; all others stay.

    A source has its place in the drawing by its hash and the seed alone: rows that are added later move few others. A
    part gets no more rows than are wanted of it, but one source at least.

    Example: sources a b a c d and one row wanted for `test` -> b, c or d, by the seed; a, of two rows, is too many.

    Args:
        sources: a hash for each row. Shape: (rows,), uint64.
        wanted: how many rows each part should have.
        left_out: sources that no part may get.

    Raises:
        DataError: there are too few sources for a part each and one that stays.
    """
    groups, counts = numpy.unique(sources, return_counts=True)
    if left_out:
        kept = ~numpy.isin(groups, numpy.fromiter(left_out, numpy.uint64, len(left_out)))
        groups = groups[kept]
        counts = counts[kept]
    if len(groups) <= len(wanted):
        raise DataError(
            f"{len(groups)} different sources are too few to set some aside for {' and '.join(wanted)}: expected "
            f"{len(wanted) + 1} at least. Name files for {' and '.join(wanted)}, or add rows."
        )
    drawn = _draw_in_order(groups, counts, wanted, numpy.argsort(_mix(groups, seed), kind="stable"))
    # Where every source has more rows than a part should have.
    smallest_first = iter(numpy.argsort(counts, kind="stable"))
    taken = set().union(*drawn.values())
    for part in wanted:
        while not drawn[part]:
            group = int(groups[next(smallest_first)])
            if group not in taken:
                drawn[part].add(group)
    return {part: frozenset(hashes) for part, hashes in drawn.items()}


def _draw_in_order(
    groups: numpy.ndarray,
    counts: numpy.ndarray,
    wanted: Mapping[str, int],
    order: numpy.ndarray,
) -> dict[str, set[int]]:
    """Gives each source in turn to the part that lacks the largest share of its rows, if it has room."""
    drawn: dict[str, set[int]] = {part: set() for part in wanted}
    room = dict(wanted)
    # The last ones are kept, so that there is one for a part that stays empty here, and one that stays.
    for place in order[: len(order) - len(wanted)]:
        if not any(room.values()):
            break
        count = int(counts[place])
        fitting = [part for part in wanted if room[part] >= count]
        if fitting:
            part = max(fitting, key=lambda name: room[name] / wanted[name])
            drawn[part].add(int(groups[place]))
            room[part] -= count
    return drawn


def _mix(hashes: numpy.ndarray, seed: int) -> numpy.ndarray:
    """Other numbers for hashes, by a seed: SplitMix64 (Steele, Lea and Flood 2014). Shape: that of the hashes."""
    mixed = hashes + numpy.uint64(derive_seed(seed, "setting aside"))  # goes round at 2^64, as is meant
    mixed = (mixed ^ (mixed >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> numpy.uint64(31))
