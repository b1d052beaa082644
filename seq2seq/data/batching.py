"""The order of the data: which examples make a global batch, and how that is cut for processes and memory.

The sequence of global batches is a function of lengths, seed, epoch, batch size and window alone. Cutting changes
nothing of it. Knows lengths and indices only, no tokens, no torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy

from ..randomness import build_generator


@dataclass(frozen=True)
class BatchOrder:
    """Global batches of example indices for any epoch.

    An epoch's random order is divided into windows of about `length_window` batches; a window is sorted by target and
    source length and cut into batches, whose order is then shuffled. Exactly one of batch_examples (pairs a batch) and
    batch_tokens (at most so many source and target tokens a batch, but at least one pair) is given.

    Shape: source_lengths and target_lengths (examples,).
    """

    source_lengths: numpy.ndarray
    target_lengths: numpy.ndarray
    seed: int
    length_window: int
    batch_examples: int | None = None
    batch_tokens: int | None = None

    @cached_property
    def _tokens(self) -> numpy.ndarray:
        return self.source_lengths.astype(numpy.int64) + self.target_lengths

    def batches(self, epoch: int, start: int = 0) -> Iterator[numpy.ndarray]:
        """The batches of an epoch, from batch `start` on."""
        order = build_generator(self.seed, "order", epoch).permutation(len(self.source_lengths))
        number = 0
        for index, window in enumerate(self._windows(order)):
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
        order = build_generator(self.seed, "order", epoch).permutation(len(self.source_lengths))
        return sum(len(self._cut_window(window)) for window in self._windows(order))

    def _windows(self, order: numpy.ndarray) -> Iterator[numpy.ndarray]:
        if self.batch_examples is not None:
            size = self.batch_examples * self.length_window
            yield from (order[start : start + size] for start in range(0, len(order), size))
            return
        filled = numpy.cumsum(self._tokens[order])
        size = self.batch_tokens * self.length_window
        start = 0
        while start < len(order):
            before = filled[start - 1] if start else 0
            stop = max(start + 1, int(numpy.searchsorted(filled, before + size, side="right")))
            yield order[start:stop]
            start = stop

    def _cut_window(self, window: numpy.ndarray) -> list[numpy.ndarray]:
        # lexsort's last key comes first; it is stable, so equal lengths keep the random order.
        ranked = window[numpy.lexsort((self.source_lengths[window], self.target_lengths[window]))]
        if self.batch_examples is not None:
            size = self.batch_examples
            return [ranked[start : start + size] for start in range(0, len(ranked), size)]
        return cut_by_budget(ranked, self._tokens[ranked], self.batch_tokens)


def cut_by_budget(indices: numpy.ndarray, costs: numpy.ndarray, budget: int) -> list[numpy.ndarray]:
    """Consecutive groups whose costs add up to at most the budget, or hold a single index above it.

    Example: costs [3, 3, 5, 9], budget 8 -> groups of 2, 1 and 1.
    """
    groups, start, filled = [], 0, 0
    for position, cost in enumerate(costs):
        if position > start and filled + cost > budget:
            groups.append(indices[start:position])
            start, filled = position, 0
        filled += cost
    if start < len(indices):
        groups.append(indices[start:])
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
    wanted = -(-len(cuts) // processes) * processes
    if wanted != len(cuts):
        cuts = _cut_evenly(sources, targets, wanted, micro_batch_tokens)
    groups = [batch[start:stop] for start, stop in cuts]
    groups += [batch[:0]] * (wanted - len(groups))
    return [groups[process::processes] for process in range(processes)]


def _cut_by_padding(sources: Sequence[int], targets: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """Start and stop of consecutive groups within the padded budget; lengths must be sorted by target."""
    cuts, start, longest_source, longest_target = [], 0, 0, 0
    for position, (source, target) in enumerate(zip(sources, targets, strict=True)):
        wider, taller = max(longest_source, source), max(longest_target, target)
        if position > start and (position - start + 1) * (wider + taller) > budget:
            cuts.append((start, position))
            start, wider, taller = position, source, target
        longest_source, longest_target = wider, taller
    return [*cuts, (start, len(sources))]


def _cut_evenly(sources: Sequence[int], targets: Sequence[int], wanted: int, budget: int) -> list[tuple[int, int]]:
    """The cut with the smallest budget that needs at most `wanted` groups."""
    low, high = max(s + t for s, t in zip(sources, targets, strict=True)), budget
    while low < high:
        middle = (low + high) // 2
        if len(_cut_by_padding(sources, targets, middle)) <= wanted:
            high = middle
        else:
            low = middle + 1
    return _cut_by_padding(sources, targets, high)
