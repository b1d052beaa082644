"""The order of the data: which examples make a global batch, and how that is cut for processes and memory.

The sequence of global batches is a function of lengths, seed, epoch, batch size and window alone. Cutting changes
nothing of it. Knows lengths and indices only, no tokens, no torch. Examples may be tens of millions: an
epoch's order is the only array of their number that is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy

from ..base.randomness import build_generator

LARGEST_INT32 = 2**31 - 1


@dataclass(frozen=True)
class BatchOrder:
    """Global batches of example indices for any epoch.

    An epoch's random order is divided into windows of about `length_window` batches; a window is cut into batches of
    similar lengths (`cut_by_length`), whose order is then shuffled. Exactly one of batch_examples (pairs a batch) and
    batch_tokens (the most source and target tokens of a batch, which has at least one pair) is given.

    Shape: source_lengths and target_lengths (examples,).
    """

    source_lengths: numpy.ndarray
    target_lengths: numpy.ndarray
    seed: int
    length_window: int
    batch_examples: int | None = None
    batch_tokens: int | None = None

    @property
    def _budget(self) -> int:
        """`batch_tokens`, of an order that has no `batch_examples`.

        Raises:
            ValueError: it has neither.
        """
        if self.batch_tokens is None:
            raise ValueError("an order of batches needs batch_examples or batch_tokens; found neither")
        return self.batch_tokens

    def batches(self, epoch: int, start: int = 0) -> Iterator[numpy.ndarray]:
        """The batches of an epoch, from batch `start` on."""
        # Windows of examples hold equally many batches, so those before `start` need no look; those of tokens do.
        skipped = start // self.length_window if self.batch_examples is not None else 0
        number = skipped * self.length_window
        for index, window in islice(enumerate(self._windows(self._draw_order(epoch))), skipped, None):
            batches = self._cut_window(window)
            if number + len(batches) > start:
                shuffled = build_generator(self.seed, "window", epoch, index).permutation(len(batches))
                for position in range(max(0, start - number), len(batches)):
                    yield batches[shuffled[position]]
            number += len(batches)

    def count_batches(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        if self.batch_examples is not None:
            return -(-len(self.source_lengths) // self.batch_examples)
        return sum(len(self._cut_window(window)) for window in self._windows(self._draw_order(epoch)))

    def _draw_order(self, epoch: int) -> numpy.ndarray:
        count = len(self.source_lengths)
        # The generator makes the same swaps whatever the type, so half the memory holds the same order.
        order = numpy.arange(count, dtype=numpy.int32 if count <= LARGEST_INT32 else numpy.int64)
        build_generator(self.seed, "order", epoch).shuffle(order)
        return order

    def _windows(self, order: numpy.ndarray) -> Iterator[numpy.ndarray]:
        if self.batch_examples is not None:
            size = self.batch_examples * self.length_window
            yield from (order[start : start + size] for start in range(0, len(order), size))
            return
        budget = self._budget * self.length_window
        start = 0
        guess = 1024
        # Where the budget is full is looked for among a guessed number of examples, doubled until it lies there.
        while start < len(order):
            filled = numpy.cumsum(self._count_tokens(order[start : start + guess]))
            if filled[-1] <= budget and start + guess < len(order):
                guess *= 2
                continue
            size = max(1, int(numpy.searchsorted(filled, budget, side="right")))
            yield order[start : start + size]
            start, guess = start + size, size + size // 8 + 1

    def _count_tokens(self, indices: numpy.ndarray) -> numpy.ndarray:
        return self.source_lengths[indices].astype(numpy.int64) + self.target_lengths[indices]

    def _cut_window(self, window: numpy.ndarray) -> list[numpy.ndarray]:
        if self.batch_examples is not None:
            return cut_by_length(
                window,
                self.source_lengths,
                self.target_lengths,
                self.batch_examples,
            )
        # The examples of a batch in the mean: ranked in groups of so many, neighbours are alike on both sides.
        typical = max(1, self._budget * len(window) // int(self._count_tokens(window).sum()))
        ranked = numpy.concatenate(cut_by_length(window, self.source_lengths, self.target_lengths, typical))
        return cut_by_budget(ranked, self._count_tokens(ranked), self._budget)


def cut_by_length(
    indices: numpy.ndarray, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray, size: int
) -> list[numpy.ndarray]:
    """Groups of `size` indices, the last one perhaps smaller, whose lengths are similar on both sides.

    Sorted by one side, and by the other where that is equal, the indices are halved at a multiple of the size, and each
    half likewise: by the side that leaves less padding in the halves, examples x (longest source + longest target).

    Example: lengths (source, target) [(1, 9), (9, 1), (1, 8), (9, 2)], size 2 -> [1, 3] and [2, 0].
    """
    batches = -(-len(indices) // size)
    if batches <= 1:
        return [indices] if len(indices) else []
    # At a whole number of groups, so that only the last of all is smaller.
    middle = -(-batches // 2) * size
    sources, targets = source_lengths[indices], target_lengths[indices]
    # lexsort's last key comes first; it is stable, so equal lengths keep the random order.
    orders = numpy.lexsort((sources, targets)), numpy.lexsort((targets, sources))
    halvings = [(order[:middle], order[middle:]) for order in orders]
    halves = min(halvings, key=lambda pair: sum(count_padded_tokens(sources[half], targets[half]) for half in pair))
    return [group for half in halves for group in cut_by_length(indices[half], source_lengths, target_lengths, size)]


def count_padded_tokens(sources: numpy.ndarray, targets: numpy.ndarray) -> int:
    """Tokens of examples of such lengths in one batch, padding included. ([3, 5], [2, 1]) -> 14"""
    return len(sources) * (int(sources.max()) + int(targets.max())) if len(sources) else 0


def cut_by_budget(
    indices: numpy.ndarray,
    costs: numpy.ndarray,
    budget: int,
) -> list[numpy.ndarray]:
    """Consecutive groups whose costs add up to at most the budget, or hold a single index above it.

    Example: costs [3, 3, 5, 9], budget 8 -> groups of 2, 1 and 1.
    """
    filled = numpy.cumsum(costs, dtype=numpy.int64)
    groups, start, before = [], 0, 0
    while start < len(indices):
        stop = max(start + 1, int(numpy.searchsorted(filled, before + budget, side="right")))
        groups.append(indices[start:stop])
        start, before = stop, int(filled[stop - 1])
    return groups


def cut_micro_batches(
    batch: numpy.ndarray,
    source_lengths: numpy.ndarray,
    target_lengths: numpy.ndarray,
    *,
    micro_batch_tokens: int,
    processes: int = 1,
) -> list[list[numpy.ndarray]]:
    """Cuts a global batch into micro-batches for each process: a list a process, equally many everywhere.

    Examples are sorted by length and cut where padding would pass the budget: examples x (longest source + longest
    target) <= micro_batch_tokens. If processes do not divide the number of cuts, the budget shrinks until they are as
    even as can be; what then is missing are empty micro-batches, which weigh nothing.

    Example: 5 equal pairs in one budget, two processes -> [[3 pairs]], [[2 pairs]].
    """
    sources, targets = source_lengths[batch], target_lengths[batch]
    ranked = numpy.lexsort((sources, targets))
    batch, sources, targets = batch[ranked], sources[ranked].tolist(), targets[ranked].tolist()
    cuts = _cut_by_padding(sources, targets, micro_batch_tokens)
    # Rounded up to equally many for each process: they run a sharded layer together or not at all.
    wanted = -(-len(cuts) // processes) * processes
    if wanted != len(cuts):
        cuts = _cut_evenly(sources, targets, wanted, micro_batch_tokens)
    groups = [batch[start:stop] for start, stop in cuts]
    groups += [batch[:0]] * (wanted - len(groups))
    return [groups[process::processes] for process in range(processes)]


def _cut_by_padding(
    sources: Sequence[int], targets: Sequence[int], budget: int, most: int | None = None
) -> list[tuple[int, int]]:
    """Start and stop of consecutive groups within the padded budget; lengths must be sorted by target.

    Where they would be more than `most`, it gives up and returns one more than that.
    """
    # This runs some ten times over every example that several processes train on: hence no call inside the loop.
    cuts, start, longest, count = [], 0, 0, 0
    for position, source in enumerate(sources):
        count += 1
        if source > longest:
            longest = source
        if count * (longest + targets[position]) > budget and count > 1:
            cuts.append((start, position))
            if len(cuts) == most:
                break
            start, longest, count = position, source, 1
    return [*cuts, (start, len(sources))]


def _cut_evenly(
    sources: Sequence[int],
    targets: Sequence[int],
    wanted: int,
    budget: int,
) -> list[tuple[int, int]]:
    """The cut with the smallest budget that needs at most `wanted` groups."""
    tokens = [source + target for source, target in zip(sources, targets, strict=True)]
    # No group is below its longest pair, and all together are not below their tokens without padding.
    low, high = max(max(tokens), -(-sum(tokens) // wanted)), budget
    # A larger budget never needs more groups, so that halving finds the smallest that will do.
    while low < high:
        middle = (low + high) // 2
        if len(_cut_by_padding(sources, targets, middle, most=wanted)) <= wanted:
            high = middle
        else:
            low = middle + 1
    return _cut_by_padding(sources, targets, high)
