"""AdamW with learning rates by the origin of the parameters, and its state as named tensors for safetensors."""

from collections.abc import Mapping

import torch
from torch import nn

from ..errors import CheckpointError
from ..modeling.sharing import find_shared_names
from .options import TrainingOptions
from .sharding import gather_tensor, shard_like


def build_optimizer(model: nn.Module, groups: Mapping[str, str], options: TrainingOptions) -> torch.optim.AdamW:
    """AdamW over all parameters that are trained; a group keeps its peak rate under 'peak' and its parameters' names.

    Weight decay is for matrices alone: biases and layer norms, which have one dimension, get none.

    Args:
        groups: the learning-rate group of each parameter name; names it lacks count as encoder.
    """
    sorted_parameters: dict[tuple[str, bool], list[tuple[str, nn.Parameter]]] = {}
    further = find_shared_names(model)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name in further or not parameter.requires_grad:
            continue
        key = (groups.get(name, "encoder"), parameter.dim() > 1)
        sorted_parameters.setdefault(key, []).append((name, parameter))
    parameter_groups = [
        {
            "params": [parameter for _, parameter in named],
            "names": [name for name, _ in named],
            "peak": options.learning_rates.get(group, options.learning_rate),
            "weight_decay": options.weight_decay if decayed else 0.0,
        }
        for (group, decayed), named in sorted_parameters.items()
    ]
    return torch.optim.AdamW(parameter_groups, lr=options.learning_rate, betas=options.adam_betas, fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Sets every group to its peak times the factor and returns the highest rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return max(group["lr"] for group in optimizer.param_groups)


def export_optimizer(optimizer: torch.optim.Optimizer, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The optimizer's state by parameter name and kind, 'encoder...weight/exp_avg', as whole tensors.

    To be called on every process where the model is sharded, with device "meta" on those that keep nothing.
    """
    return {
        f"{name}/{kind}": gather_tensor(value).to(device).contiguous()
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        for kind, value in optimizer.state[parameter].items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Puts back what `export_optimizer` gave.

    Raises:
        CheckpointError: the tensors are of other parameters than the optimizer's.
    """
    parameters = {
        name: parameter
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
    }
    found = {key.rpartition("/")[0] for key in tensors}
    if tensors and found != set(parameters):
        differing = sorted(found ^ set(parameters))
        raise CheckpointError(
            f"The optimizer state is of other parameters than the model's ({len(differing)} differ, for instance "
            f"{differing[0]})."
        )
    for key, value in tensors.items():
        name, _, kind = key.rpartition("/")
        parameter = parameters[name]
        # AdamW keeps its step counts, scalars, in float32 on the parameter's device; the averages have its form.
        value = value.to(parameter.device, copy=True)
        optimizer.state[parameter][kind] = shard_like(value, parameter) if value.dim() else value
