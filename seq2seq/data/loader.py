"""Steps of training data for one process: the global batch, this process's micro-batches, the counts of the whole.

Every process knows the lengths of all examples, so the token counts of a step need no communication.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy
import torch

from ..base.errors import DataError
from ..base.memory import is_out_of_memory
from ..sources.source import CollateSources
from .batching import BatchOrder, count_padded_tokens, cut_micro_batches
from .collation import collate, collate_to_shape, move_batch
from .encoding import EncodedExamples
from .shapes import ShapeGrid, learn_grid


@dataclass(frozen=True)
class Step:
    """One global batch: its examples and tokens over all processes, and what this process computes.

    indices: its examples, of all processes; position: (epoch, batches of it used once this step is done).
    """

    indices: numpy.ndarray
    examples: int
    source_tokens: int
    target_tokens: int
    micro_batches: list[dict[str, torch.Tensor]]
    position: tuple[int, int]

    @property
    def epoch(self) -> int:
        return self.position[0]


@dataclass(frozen=True)
class StepLoader:
    """Endless steps from a position, for one of several processes.

    collate_sources: the source's. renew: the pairs of an epoch, made of the examples; it may give these themselves.
    rounds_shapes: whether micro-batches are filled up to few shapes, for layers that are compiled (`shapes.py`).
    """

    examples: EncodedExamples
    order: BatchOrder
    collate_sources: CollateSources
    micro_batch_tokens: int
    process: int = 0
    processes: int = 1
    renew: Callable[[EncodedExamples, int], EncodedExamples] = lambda examples, epoch: examples
    rounds_shapes: bool = False

    @cached_property
    def grid(self) -> ShapeGrid | None:
        """The shapes that micro-batches are filled up to; None where they keep their own."""
        if not self.rounds_shapes:
            return None
        return learn_grid(self.order, self.micro_batch_tokens, self.processes)

    def steps(self, epoch: int = 0, used_batches: int = 0) -> Iterator[Step]:
        """The steps behind (epoch, used_batches), for ever."""
        while True:
            here = self.for_epoch(epoch)
            for number, batch in enumerate(here.order.batches(epoch, used_batches), used_batches + 1):
                yield here._build_step(batch, (epoch, number))
            epoch, used_batches = epoch + 1, 0

    def count_steps(self, epochs: int) -> int:
        """The steps of a number of epochs, from the first on."""
        return sum(self.for_epoch(epoch).order.count_batches(epoch) for epoch in range(epochs))

    def for_epoch(self, epoch: int) -> Self:
        """A loader of the pairs of an epoch; this one, where these are always the same.

        Raises:
            DataError: a pair that was made anew has an empty side or one that is over the limit.
        """
        renewed = self.renew(self.examples, epoch)
        if renewed is self.examples:
            return self
        _check_lengths(renewed)
        order = replace(
            self.order,
            source_lengths=renewed.sources.lengths,
            target_lengths=renewed.labels.lengths,
        )
        return replace(
            self,
            # This epoch's already: asked for it once more, the loader gives itself.
            examples=renewed,
            order=order,
            renew=lambda examples, epoch: examples,
        )

    def halve(self, step: Step) -> Self | None:
        """A loader that holds half as much at once as this one does in its largest micro-batch of several pairs.

        None where every micro-batch of that step, on all processes, is a single pair, which nothing can divide.
        """
        here = self.for_epoch(step.epoch)
        cuts = [cut for cuts in here.cut(step.indices) for cut in cuts if len(cut) > 1]
        if not cuts:
            return None
        return replace(self, micro_batch_tokens=max(map(here.count_padded_tokens, cuts)) // 2)

    def count_padded_tokens(self, cut: numpy.ndarray) -> int:
        """Tokens of both sides of a micro-batch, padding included."""
        return count_padded_tokens(self.examples.sources.lengths[cut], self.examples.labels.lengths[cut])

    def cut_again(self, step: Step) -> Step:
        """The step of another loader, cut as this one does."""
        return self.for_epoch(step.epoch)._build_step(step.indices, step.position)

    def cut(self, batch: numpy.ndarray) -> list[list[numpy.ndarray]]:
        """The micro-batches of a global batch, as indices, a list for each process."""
        sources, labels = self.examples.sources.lengths, self.examples.labels.lengths
        if self.grid is not None:
            return self.grid.cut(batch, sources, labels, self.processes)
        return cut_micro_batches(
            batch, sources, labels, micro_batch_tokens=self.micro_batch_tokens, processes=self.processes
        )

    def _build_step(self, batch: numpy.ndarray, position: tuple[int, int]) -> Step:
        sources, labels = self.examples.sources.lengths, self.examples.labels.lengths
        cuts = self.cut(batch)[self.process]
        return Step(
            indices=batch,
            examples=len(batch),
            source_tokens=int(sources[batch].sum()),
            target_tokens=int(labels[batch].sum()),
            micro_batches=[self._collate(cut) for cut in cuts],
            position=position,
        )

    def _collate(self, cut: numpy.ndarray) -> dict[str, torch.Tensor]:
        if self.grid is None:
            return collate(self.examples, cut, self.collate_sources)
        shape = self.grid.find_shape_of(cut, self.examples.sources.lengths, self.examples.labels.lengths)
        return collate_to_shape(self.examples, cut, self.collate_sources, shape)


class StepsAhead:
    """Steps of a loader, the next of which may be put together before it is asked for: while a GPU computes.

    No thread is needed: what a GPU was told to compute, it computes while the processor goes on.
    """

    def __init__(self, steps: Iterator[Step], device: torch.device) -> None:
        """`device` is where the first micro-batch of a step goes as it is put together."""
        self._steps = steps
        self._device = device
        self._ahead: Step | None = None
        self._error: Exception | None = None

    def prepare(self) -> None:
        """Puts the next step together, once; what goes wrong is raised where the step is taken, as it would be then."""
        if self._ahead is not None or self._error is not None:
            return
        try:
            self._ahead = self._begin_copy(next(self._steps))
        except Exception as error:
            self._error = error

    def take(self) -> Step:
        """The next step."""
        self.prepare()
        if self._error is not None:
            raise self._error
        assert self._ahead is not None
        step = self._ahead
        self._ahead = None
        return step

    def _begin_copy(self, step: Step) -> Step:
        first, *others = step.micro_batches
        try:
            first = move_batch(first, self._device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return step  # it is copied when it is computed, and what was before it is gone
        return replace(step, micro_batches=[first, *others])


def fixed_micro_batches(
    examples: EncodedExamples,
    collate_sources: CollateSources,
    *,
    micro_batch_tokens: int,
    process: int = 0,
    processes: int = 1,
) -> Iterator[dict[str, torch.Tensor]]:
    """All examples once, by length, for measuring; each process gets its share."""
    everything = numpy.arange(len(examples))
    cuts = cut_micro_batches(
        everything,
        examples.sources.lengths,
        examples.labels.lengths,
        micro_batch_tokens=micro_batch_tokens,
        processes=processes,
    )
    # Without the empty ones, which let processes keep step in training and have nothing to measure.
    yield from (collate(examples, cut, collate_sources) for cut in cuts[process] if len(cut))


def _check_lengths(examples: EncodedExamples) -> None:
    """Makes sure that pairs made anew fit where those of the files did."""
    sides = {
        "source": (examples.sources.lengths, examples.source_truncation.limit),
        "target": (examples.labels.lengths, examples.target_truncation.limit),
    }
    for side, (lengths, limit) in sides.items():
        if len(lengths) == 0 or lengths.min() < 1 or lengths.max() > limit:
            found = f"{lengths.min()} to {lengths.max()}" if len(lengths) else "none at all"
            raise DataError(
                f"training.objective: {side}s made anew for an epoch must have 1 to {limit} tokens "
                f"(data.max_{side}_tokens); found {found}."
            )
