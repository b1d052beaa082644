"""What to tell about a step that was not finite: whether weights or gradients broke, and where first."""

from collections.abc import Mapping

import torch
from torch import nn

from .sharding import gather_tensor


def format_not_finite(model: nn.Module) -> str:
    """A sentence on the weights that are not finite, or else on the gradients; to be called on every process."""
    parameters = dict(model.named_parameters())
    broken = _list_not_finite(parameters)
    if broken:
        return f"{len(broken)} weights are not finite themselves, the first {broken[0]}."
    largest = max(gather_tensor(parameter).abs().max().item() for parameter in parameters.values())
    sentence = f"All weights are finite, the largest {largest:.3g}."
    gradients = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
    broken = _list_not_finite(gradients)
    if broken:
        sentence += f" {len(broken)} of {len(gradients)} gradients are not, the first {broken[0]}."
    return sentence


def _list_not_finite(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    names = []
    for name, tensor in tensors.items():
        if not gather_tensor(tensor).isfinite().all():
            names.append(name)
    return names
