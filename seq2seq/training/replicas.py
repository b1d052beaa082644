"""The replicas of a model that every process holds whole: equal weights at the start, summed gradients at every step.

Gradients are summed only once every process has said that its share of the step is computed. DistributedDataParallel
sums while the last micro-batch runs, and waits for ever for a process that ran out of memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import distributed, nn

BUCKET_NUMBERS = 2**23  # gradients sent at once: 32 MiB of float32
BUCKETS_ON_THE_WAY = 3  # each is held twice until it is back


def broadcast_weights(model: nn.Module) -> None:
    """Gives every process the first one's parameters and buffers."""
    if distributed.is_initialized() and distributed.get_world_size() > 1:
        for tensor in (*model.parameters(), *model.buffers()):
            distributed.broadcast(tensor.detach(), 0)


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces the gradient of every trained parameter by the sum over all processes.

    What a step did not use, such as an expert without tokens or a layer that was dropped, has a gradient of zero, on
    one process too: the optimizer then does the same on any number of them.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return
    on_the_way: deque[_Bucket] = deque()
    for parameters_of_bucket in _fill_buckets(trained):
        on_the_way.append(_send(parameters_of_bucket))
        if len(on_the_way) == BUCKETS_ON_THE_WAY:
            on_the_way.popleft().take_back()
    while on_the_way:
        on_the_way.popleft().take_back()


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
    flat = torch.cat([parameter.grad.reshape(-1) for parameter in parameters])
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
