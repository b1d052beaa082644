"""Exponential moving average (EMA) of the trained weights: what a run validates with, saves, and is used by.

The optimizer goes on from the weights themselves, never from their average. Knows no files and no recipe.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from ..base.errors import CheckpointError
from ..modeling.sharing import list_trained
from .sharding import gather_tensor, shard_like


def compute_decay(decay: float, step: int) -> float:
    """The share of the old average at update `step` (the first is 1): min(decay, (1 + step) / (10 + step)).

    The rise is that of TensorFlow's `tf.train.ExponentialMovingAverage`: the average soon leaves the weights that it
    began with, and reaches decay 0.99 after 890 updates, 0.999 after 8,990.
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverages:
    """The average of every trained parameter, in its type (float32), device and slice.

    Buffers and frozen parameters are in no average: the model's own hold for both.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begins with the weights that the model has now."""
        self.decay = decay
        self._parameters = list_trained(model)
        self._averages: dict[str, torch.Tensor] = {}
        for name, parameter in self._parameters.items():
            self._averages[name] = parameter.detach().clone()

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights that update `step` gave: average + (1 - decay) (weight - average)."""
        averages = [_find_slice(average) for average in self._averages.values()]
        weights = [_find_slice(parameter) for parameter in self._parameters.values()]
        share = 1 - compute_decay(self.decay, step)
        torch._foreach_lerp_(averages, weights, share)  # one kernel for all tensors

    @contextmanager
    def applied(self) -> Iterator[dict[str, torch.Tensor]]:
        """The model holds the averages while the block runs; the block gets the weights that they stand in for."""
        self._swap()
        try:
            yield self._averages
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        """In place and one by one: the model's tensors stay where they are, and no second copy of all is needed."""
        for name, parameter in self._parameters.items():
            weight = _find_slice(parameter)
            average = _find_slice(self._averages[name])
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)


def export_weights(weights: Mapping[str, torch.Tensor], device: str = "cpu") -> dict[str, torch.Tensor]:
    """Weights as whole tensors; to be called on every process where they are sharded, "meta" where nothing is kept."""
    whole = {}
    for name, weight in weights.items():
        whole[name] = gather_tensor(weight).to(device).contiguous()
    return whole


@torch.no_grad()
def restore_weights(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Puts back what `export_weights` gave into a model on its device, sharded or not.

    Raises:
        CheckpointError: the weights are of other parameters than those the model trains.
    """
    parameters = list_trained(model)
    differing = sorted(parameters.keys() ^ weights.keys())
    if differing:
        raise CheckpointError(
            f"The weights to go on from are of other parameters than the model's ({len(differing)} differ, for "
            f"instance {differing[0]})."
        )
    for name, weight in weights.items():
        parameter = parameters[name]
        sharded = shard_like(weight.to(parameter.device), parameter)
        _find_slice(parameter).copy_(_find_slice(sharded))


def _find_slice(tensor: torch.Tensor) -> torch.Tensor:
    """The memory of this process: its slice of a sharded tensor, else the tensor."""
    tensor = tensor.detach()
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
