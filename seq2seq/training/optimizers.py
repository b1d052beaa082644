"""AdamW with rates and warm-ups by the origin of the parameters, and its state as named tensors for safetensors."""

from collections.abc import Collection, Mapping

import torch
from torch import nn

from ..base.errors import CheckpointError
from ..modeling.sharing import list_trained
from .layer_decay import compute_layer_factors
from .options import TrainingOptions
from .schedules import compute_rate_factor
from .sharding import gather_tensor, shard_like


def build_optimizer(model: nn.Module, groups: Mapping[str, str], options: TrainingOptions) -> torch.optim.AdamW:
    """AdamW over all parameters that require gradient.

    A group keeps its parameters' names, their origin, and the peak and warm-up of its schedule. Weight decay is for
    matrices alone: biases and layer norms, which have one dimension, get none.

    Args:
        groups: the learning-rate group of each parameter name; names it lacks count as encoder.

    Raises:
        TrainingError: training.layer_decay is given, and the layers of a side are not known.
    """
    trained = list_trained(model)
    origins = {name: groups.get(name, "encoder") for name in trained}
    factors = compute_layer_factors(model, origins, options.layer_decay) if options.layer_decay < 1 else {}
    sorted_names: dict[tuple[str, float, bool], list[str]] = {}
    for name, parameter in trained.items():
        sorted_names.setdefault((origins[name], factors.get(name, 1.0), parameter.dim() > 1), []).append(name)
    parameter_groups = [
        {
            "params": [trained[name] for name in names],
            "names": names,
            "origin": origin,
            "peak": options.learning_rates.get(origin, options.learning_rate) * factor,
            "warmup_steps": options.warmups.get(origin, options.warmup_steps),
            "weight_decay": options.weight_decay if decayed else 0.0,
        }
        for (origin, factor, decayed), names in sorted_names.items()
    ]
    return torch.optim.AdamW(parameter_groups, lr=options.learning_rate, betas=options.adam_betas, fused=True)


def set_learning_rates(
    optimizer: torch.optim.Optimizer,
    *,
    schedule: str,
    step: int,
    max_steps: int,
) -> dict[str, float]:
    """Sets every group's rate for update `step`; returns the highest of each origin that is trained, none if frozen."""
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        factor = compute_rate_factor(schedule, step, warmup_steps=group["warmup_steps"], max_steps=max_steps)
        group["lr"] = group["peak"] * factor
        if any(parameter.requires_grad for parameter in group["params"]):
            rates[group["origin"]] = max(group["lr"], rates.get(group["origin"], 0.0))
    return rates


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


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, torch.Tensor],
    frozen: Collection[str] = (),
) -> None:
    """Puts back what `export_optimizer` gave.

    Args:
        frozen: names of parameters that were still frozen then, which have no state.

    Raises:
        CheckpointError: the tensors are of other parameters than the optimizer's, without the frozen ones.
    """
    parameters = {
        name: parameter
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        if name not in frozen
    }
    found = {key.rpartition("/")[0] for key in tensors}
    if tensors and found != set(parameters):
        differing = sorted(found ^ set(parameters))
        raise CheckpointError(
            f"The optimizer state is of other parameters than those the model has trained ({len(differing)} differ, "
            f"for instance {differing[0]})."
        )
    for key, value in tensors.items():
        name, _, kind = key.rpartition("/")
        parameter = parameters[name]
        # AdamW keeps its step counts, scalars, in float32 on the parameter's device; the averages have its form.
        value = value.to(parameter.device, copy=True)
        optimizer.state[parameter][kind] = shard_like(value, parameter) if value.dim() else value
