"""AdamW with rates and warm-ups by the origin of the parameters, and its state as named tensors for safetensors."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ..base.errors import CheckpointError
from ..modeling.sharing import list_trained
from ..modeling.token_loss import TokenLossModel
from ..warmstart.options import LearningRateGroup
from .layer_decay import compute_layer_factors
from .options import TrainingOptions
from .schedules import compute_rate_factor
from .sharding import gather_tensor, shard_like


def build_optimizer(
    model: TokenLossModel,
    groups: Mapping[str, LearningRateGroup],
    options: TrainingOptions,
) -> torch.optim.AdamW:
    """AdamW over all parameters that require gradient.

    A group keeps its parameters' names, their origin, and the peak and warm-up of its schedule. Weight decay is for
    matrices alone: biases and layer norms, which have one dimension, get none.

    Args:
        groups: the learning-rate group of each parameter name; names it lacks count as encoder.

    Raises:
        TrainingError: training.layer_decay is given, and the layers of a side are not known.
    """
    trained = list_trained(model)
    origins: dict[str, LearningRateGroup] = {name: groups.get(name, "encoder") for name in trained}
    factors = dict.fromkeys(trained, 1.0)
    if options.layer_decay < 1:
        factors |= compute_layer_factors(model, origins, options.layer_decay)
    names_by_group: dict[_Group, list[str]] = {}
    for name, parameter in trained.items():
        group = _Group(origins[name], factors[name], is_matrix=parameter.dim() > 1)
        names_by_group.setdefault(group, []).append(name)
    # Their order has no say: what is saved of an optimizer goes by name.
    parameter_groups = []
    for group, names in names_by_group.items():
        parameters = [trained[name] for name in names]
        parameter_groups.append({"params": parameters, "names": names} | group.to_settings(options))
    # fused: one pass over weights, gradients and averages, in place of one for each operation.
    return torch.optim.AdamW(
        parameter_groups,
        lr=options.learning_rate,
        betas=options.adam_betas,
        fused=True,
    )


@dataclass(frozen=True)
class _Group:
    """What parameters have in common that the optimizer treats alike.

    factor: of layer-wise decay, on the peak of the learning rate.
    """

    origin: LearningRateGroup
    factor: float
    is_matrix: bool

    def to_settings(self, options: TrainingOptions) -> dict[str, str | int | float]:
        peak = options.learning_rates.get(self.origin, options.learning_rate)
        return {
            "origin": self.origin,
            "peak": peak * self.factor,
            "warmup_steps": options.warmups.get(self.origin, options.warmup_steps),
            "weight_decay": options.weight_decay if self.is_matrix else 0.0,
        }


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
        factor = compute_rate_factor(
            schedule,
            step,
            warmup_steps=group["warmup_steps"],
            max_steps=max_steps,
        )
        rate = group["peak"] * factor
        group["lr"] = rate
        if any(parameter.requires_grad for parameter in group["params"]):
            origin = group["origin"]
            rates[origin] = max(rate, rates.get(origin, 0.0))
    return rates


def export_optimizer(optimizer: torch.optim.Optimizer, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The optimizer's state by the names of parameter and figure, 'encoder...weight/exp_avg', as whole tensors.

    To be called on every process where the model is sharded, with device "meta" on those that keep nothing.
    """
    tensors = {}
    for name, parameter in _list_parameters(optimizer).items():
        for figure, value in optimizer.state[parameter].items():
            tensors[f"{name}/{figure}"] = gather_tensor(value).to(device).contiguous()
    return tensors


def _list_parameters(optimizer: torch.optim.Optimizer) -> dict[str, nn.Parameter]:
    """The parameters of an optimizer that `build_optimizer` made, by name, in its order."""
    parameters: dict[str, nn.Parameter] = {}
    for group in optimizer.param_groups:
        parameters |= zip(group["names"], group["params"], strict=True)
    return parameters


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
    parameters = _list_parameters(optimizer)
    for name in frozen:
        parameters.pop(name, None)
    saved = {key.rpartition("/")[0] for key in tensors}
    if tensors and saved != set(parameters):
        differing = sorted(saved ^ set(parameters))
        raise CheckpointError(
            f"The optimizer state is of other parameters than those the model has trained ({len(differing)} differ, "
            f"for instance {differing[0]})."
        )
    for key, value in tensors.items():
        name, _, figure = key.rpartition("/")
        parameter = parameters[name]
        # AdamW keeps its step counts, scalars, in float32 on the parameter's device; the averages have its form.
        value = value.to(parameter.device, copy=True)
        if value.dim():
            value = shard_like(value, parameter)
        optimizer.state[parameter][figure] = value
