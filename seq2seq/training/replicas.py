"""The replicas of a model that every process holds whole: equal weights at the start, summed gradients at every step.

Gradients are summed behind the last micro-batch, and a process that ran out of memory gives zeros.
DistributedDataParallel sums while that micro-batch runs, and waits for ever for such a process.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import distributed, nn

from ..base.memory import is_out_of_memory

BUCKET_NUMBERS = 2**23  # gradients sent at once: 32 MiB of float32
BUCKETS_ON_THE_WAY = 3  # each is held twice until it is back


def broadcast_weights(model: nn.Module) -> None:
    """Gives every process the first one's parameters and buffers."""
    if not _is_alone():
        for tensor in (*model.parameters(), *model.buffers()):
            distributed.broadcast(tensor.detach(), 0)


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces the gradient of every trained parameter by the sum over all processes.

    What a step did not use, such as an expert without tokens or a layer that was dropped, has a gradient of zero, on
    one process too: the optimizer then does the same on any number of them.

    Raises:
        SumInterrupted: memory ran out between the sums; the other processes got theirs.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    if _is_alone():
        return
    buckets = deque(_fill_buckets(trained))
    on_the_way: deque[_Bucket] = deque()
    try:
        while buckets:
            on_the_way.append(_send(buckets[0]))
            buckets.popleft()
            if len(on_the_way) == BUCKETS_ON_THE_WAY:
                on_the_way.popleft().take_back()
        while on_the_way:
            on_the_way.popleft().take_back()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _answer(buckets, on_the_way)
        raise SumInterrupted(str(error)) from error


class SumInterrupted(MemoryError):
    """Memory ran out between sums; the other processes got theirs, without this one's share of the later ones."""


def answer_sums(parameters: Iterable[nn.Parameter]) -> None:
    """Takes part in all sums that the other processes wait in, with zeros in place of gradients, which go."""
    if not _is_alone():
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        _answer(_fill_buckets(trained), ())


def _answer(buckets: Iterable[list[nn.Parameter]], on_the_way: Iterable["_Bucket"]) -> None:
    buckets = list(buckets)
    for bucket in on_the_way:
        bucket.work.wait()
    for parameters in buckets:  # all at once: their room is needed for the first answer
        for parameter in parameters:
            parameter.grad = None
    for parameters in buckets:
        numbers = sum(parameter.numel() for parameter in parameters)
        distributed.all_reduce(parameters[0].new_zeros(numbers))


def _is_alone() -> bool:
    return not distributed.is_initialized() or distributed.get_world_size() == 1


@dataclass(frozen=True)
class _Bucket:
    """The gradients of some parameters on the way, one behind the other, (numbers,)."""

    parameters: list[nn.Parameter]
    flat: torch.Tensor
    work: distributed.Work

    def take_back(self) -> None:
        """Waits for the sums, and gives each parameter its own; they stay parts of one tensor."""
        self.work.wait()
        sizes = [parameter.numel() for parameter in self.parameters]
        for parameter, gradient in zip(self.parameters, self.flat.split(sizes), strict=True):
            parameter.grad = gradient.view_as(parameter)


def _send(parameters: list[nn.Parameter]) -> _Bucket:
    # One call for many small tensors: each call costs the same time before its first number moves.
    gradients = [parameter.grad.reshape(-1) for parameter in parameters]  # type: ignore[union-attr]  # each has one
    flat = torch.cat(gradients)
    return _Bucket(parameters, flat, distributed.all_reduce(flat, async_op=True))


def _fill_buckets(parameters: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    filled = 0
    for parameter in parameters:
        if bucket and filled + parameter.numel() > BUCKET_NUMBERS:
            yield bucket
            bucket = []
            filled = 0
        bucket.append(parameter)
        filled += parameter.numel()
    if bucket:
        yield bucket
