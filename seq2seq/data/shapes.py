"""The few shapes that micro-batches are filled up to where layers are compiled, and the cuts that fit them well.

A shape is (examples, source tokens, target tokens). Which ones there are is learned from the lengths of the data: a
function of these, the order and the budget alone, so that every process, and a run that goes on, has the same. Knows
lengths and indices only, no tokens, no torch. K shapes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy

from .batching import BatchOrder, cut_micro_batches

MOST_SHAPES = 64
LEAST_SHARE = 0.86  # of a sample's tokens that are real, padding included, for 0.85 of an epoch's
SAMPLED_BATCHES = 400
SAMPLED_SHAPES = 1000  # the time to join them grows with their square: a tenth of a second
MEASURED_BATCHES = 40
FILLED = 0.88  # of the budget that learning fills: joined shapes are larger, and stay below it
RARE = 8  # the part of the budget that the longest pairs have
START = 0.02  # of the budget: what another micro-batch costs besides its tokens


@dataclass(frozen=True)
class ShapeGrid:
    """Shapes, and the budget that those of several pairs keep to. Shape: shapes (K, 3)."""

    shapes: numpy.ndarray
    micro_batch_tokens: int

    def find_shape_of(
        self, cut: numpy.ndarray, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray
    ) -> tuple[int, int, int]:
        """The smallest shape that holds a micro-batch; of one without examples, the smallest of all."""
        if not len(cut):
            return self.find_shape(0, 0, 0)
        return self.find_shape(len(cut), int(source_lengths[cut].max()), int(target_lengths[cut].max()))

    def find_shape(self, examples: int, source: int, target: int) -> tuple[int, int, int]:
        """The smallest shape that holds so many examples of such lengths."""
        fitting = self.shapes[(self.shapes >= (examples, source, target)).all(axis=1)]
        chosen = fitting[_count_tokens(fitting).argmin()]
        return int(chosen[0]), int(chosen[1]), int(chosen[2])

    def cut(
        self,
        batch: numpy.ndarray,
        source_lengths: numpy.ndarray,
        target_lengths: numpy.ndarray,
        processes: int = 1,
    ) -> list[list[numpy.ndarray]]:
        """Cuts a global batch as `cut_micro_batches` does, where the fewest tokens are padding once shapes are filled.

        If processes do not divide the number of cuts, some are halved, those first that this costs the fewest tokens;
        what then is missing are empty ones.
        """
        ranked = batch[numpy.lexsort((source_lengths[batch], target_lengths[batch]))]
        groups = self._cut(ranked, source_lengths[ranked], target_lengths[ranked])
        wanted = -(-len(groups) // processes) * processes

        def count_tokens(group: numpy.ndarray) -> int:
            examples, source, target = self.find_shape_of(group, source_lengths, target_lengths)
            return examples * (source + target)

        def count_added(index: int) -> int:
            halves = _halve(groups[index])
            return sum(map(count_tokens, halves)) - count_tokens(groups[index])

        while len(groups) < wanted:
            parted = [index for index, group in enumerate(groups) if len(group) > 1]
            if not parted:
                break
            chosen = min(parted, key=count_added)
            groups[chosen : chosen + 1] = _halve(groups[chosen])
        groups += [batch[:0]] * (wanted - len(groups))
        return [groups[process::processes] for process in range(processes)]

    def _cut(self, batch: numpy.ndarray, sources: numpy.ndarray, targets: numpy.ndarray) -> list[numpy.ndarray]:
        """The consecutive groups that cost least: of those that end at an example, the best stand on the best before.

        For each shape the group that ends there reaches back as far as it fits: nothing before costs more than that.
        """
        costs = _count_tokens(self.shapes) + START * self.micro_batch_tokens
        best = numpy.zeros(len(batch) + 1)
        begins = numpy.zeros(len(batch) + 1, dtype=int)
        fits_from = numpy.zeros(len(self.shapes), dtype=int)  # by shape, the first of the run that fits up to here
        for end in range(1, len(batch) + 1):
            is_short = (self.shapes[:, 1] < sources[end - 1]) | (self.shapes[:, 2] < targets[end - 1])
            fits_from[is_short] = end
            starts = numpy.maximum(fits_from, end - self.shapes[:, 0])
            totals = numpy.where(is_short, numpy.inf, best[starts] + costs)
            chosen = totals.argmin()
            best[end] = totals[chosen]
            begins[end] = starts[chosen]
        groups = []
        end = len(batch)
        while end:
            groups.append(batch[begins[end] : end])
            end = begins[end]
        return groups[::-1]


def learn_grid(order: BatchOrder, micro_batch_tokens: int, processes: int = 1) -> ShapeGrid:
    """The shapes for batches of an order: `MOST_SHAPES` at most, for any batch of it.

    Cuts of a sample are joined until few shapes are left. Where too much of these is padding, smaller cuts are: more of
    them fill the same shapes.
    """
    filled = int(FILLED * micro_batch_tokens)
    best = None
    best_share = -1.0
    least = int((order.source_lengths + order.target_lengths).max())
    while best_share < LEAST_SHARE and (best is None or filled > least):
        cuts = numpy.array(list(islice(_list_cuts(order, filled, processes), SAMPLED_SHAPES)))
        # As much larger again as cuts may grow.
        joined = _join(cuts, int(filled / FILLED))
        grid = ShapeGrid(_with_longest(joined, order, micro_batch_tokens), micro_batch_tokens)
        share = _measure_share(grid, order, processes)
        if share > best_share:
            best = grid
            best_share = share
        filled //= 2
    assert best is not None
    return best


def _with_longest(shapes: numpy.ndarray, order: BatchOrder, micro_batch_tokens: int) -> numpy.ndarray:
    """The shapes, and one that holds any pair: of few, since it is for those that no other shape is long enough for."""
    longest = (int(order.source_lengths.max()), int(order.target_lengths.max()))
    return numpy.vstack([shapes, (max(1, micro_batch_tokens // (RARE * sum(longest))), *longest)])


def _list_cuts(order: BatchOrder, filled: int, processes: int) -> Iterator[tuple[int, int, int]]:
    """The shapes of the first epoch's micro-batches, as they are without a grid."""
    sources, targets = order.source_lengths, order.target_lengths
    for batch in islice(order.batches(0), SAMPLED_BATCHES):
        for cuts in cut_micro_batches(batch, sources, targets, micro_batch_tokens=filled, processes=processes):
            for cut in cuts:
                if len(cut):
                    yield len(cut), int(sources[cut].max()), int(targets[cut].max())


def _join(cuts: numpy.ndarray, budget: int) -> numpy.ndarray:
    """Fewer shapes in place of many: again and again the two that become one with the least padding.

    Those that would not fit the budget together come last. Shape: cuts (N, 3), returns (at most MOST_SHAPES - 1, 3).
    """
    shapes, counts = numpy.unique(cuts, axis=0, return_counts=True)
    left = numpy.ones(len(shapes), dtype=bool)

    def count_padding(index: int) -> numpy.ndarray:
        """By shape, the tokens that joining it with this one adds."""
        together = _count_tokens(numpy.maximum(shapes[index], shapes))
        added = together * (counts + counts[index]) - tokens * counts - tokens[index] * counts[index]
        costs = numpy.where(together > budget, added * 1e6, added.astype(float))
        costs[~left] = numpy.inf
        costs[index] = numpy.inf
        return costs

    tokens = _count_tokens(shapes)
    padding = numpy.stack([count_padding(index) for index in range(len(shapes))])
    while left.sum() > MOST_SHAPES - 1:
        first, second = divmod(int(padding.argmin()), len(shapes))
        shapes[first] = numpy.maximum(shapes[first], shapes[second])
        counts[first] += counts[second]
        tokens[first] = _count_tokens(shapes[first])
        left[second] = False
        padding[second] = numpy.inf
        padding[:, second] = numpy.inf
        padding[first] = count_padding(first)
        padding[:, first] = padding[first]
    return shapes[left]


def _measure_share(grid: ShapeGrid, order: BatchOrder, processes: int) -> float:
    """How much of the tokens is real once shapes are filled, in batches that they were not learned from."""
    sources, targets = order.source_lengths, order.target_lengths
    real = padded = 0
    for batch in islice(order.batches(1), MEASURED_BATCHES):
        real += int(sources[batch].sum()) + int(targets[batch].sum())
        for cuts in grid.cut(batch, sources, targets, processes):
            for cut in cuts:
                examples, source, target = grid.find_shape_of(cut, sources, targets)
                padded += examples * (source + target)
    return real / padded


def _halve(group: numpy.ndarray) -> list[numpy.ndarray]:
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def _count_tokens(shapes: numpy.ndarray) -> numpy.ndarray:
    """Tokens of both sides, padding included. Shape: (..., 3) -> (...)"""
    return shapes[..., 0].astype(numpy.int64) * (shapes[..., 1] + shapes[..., 2])
