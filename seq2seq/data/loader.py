"""Steps of training data for one process: the global batch, this process's micro-batches, the counts of the whole.

Every process knows the lengths of all examples, so the token counts of a step need no communication.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import torch

from .batching import BatchOrder, cut_micro_batches
from .collation import collate
from .encoding import EncodedExamples


@dataclass(frozen=True)
class Step:
    """One global batch: its examples and tokens over all processes, and what this process computes.

    position: (epoch, batches of it used once this step is done).
    """

    examples: int
    source_tokens: int
    target_tokens: int
    micro_batches: list[dict[str, torch.Tensor]]
    position: tuple[int, int]


@dataclass(frozen=True)
class StepLoader:
    """Endless steps from a position, for one of several processes."""

    examples: EncodedExamples
    order: BatchOrder
    pad_id: int
    micro_batch_tokens: int
    process: int = 0
    processes: int = 1

    def steps(self, epoch: int = 0, used_batches: int = 0) -> Iterator[Step]:
        """The steps behind (epoch, used_batches), for ever."""
        while True:
            for number, batch in enumerate(self.order.batches(epoch, used_batches), used_batches + 1):
                yield self._build_step(batch, (epoch, number))
            epoch, used_batches = epoch + 1, 0

    def count_steps(self, epochs: int) -> int:
        """The steps of the first so many epochs."""
        return sum(self.order.count_batches(epoch) for epoch in range(epochs))

    def _build_step(self, batch: numpy.ndarray, position: tuple[int, int]) -> Step:
        sources, labels = self.examples.sources.lengths, self.examples.labels.lengths
        cuts = cut_micro_batches(
            batch, sources, labels, micro_batch_tokens=self.micro_batch_tokens, processes=self.processes
        )[self.process]
        return Step(
            examples=len(batch),
            source_tokens=int(sources[batch].sum()),
            target_tokens=int(labels[batch].sum()),
            micro_batches=[collate(self.examples, cut, self.pad_id) for cut in cuts],
            position=position,
        )


def fixed_micro_batches(
    examples: EncodedExamples, pad_id: int, *, micro_batch_tokens: int, process: int = 0, processes: int = 1
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
    yield from (collate(examples, cut, pad_id) for cut in cuts[process] if len(cut))
