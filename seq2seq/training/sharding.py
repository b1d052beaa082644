"""Sharding: parameters, gradients and optimizer state split over the processes, by torch's `fully_shard`.

A sharded parameter is a DTensor that holds a slice of its first dimension. Knows no recipe and no files.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ..base.errors import TrainingError
from ..families.table import find_family, list_side_configs
from ..modeling.build import build_model
from ..modeling.layers import list_layers
from ..modeling.parts import find_side_families, find_sides
from ..modeling.sharing import set_parameter
from ..modeling.token_loss import TokenLossModel
from .options import Precision

# Slices, and what the optimizer updates, stay in fp32. What is in no layer (tables, output layer) is gathered in it:
# the loss casts its weight by itself, and adds up its gradient in fp32.
IN_BF16 = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


def shard_model(model: TokenLossModel, device: torch.device, processes: int, precision: Precision = "fp32") -> None:
    """Splits a model that is whole on every process; each keeps its slice, on its device.

    Layers are gathered one after the other while the model runs. Layers that encoder and decoder share stay gathered
    from the encoder's turn to the decoder's, so they save the memory of slices at rest alone, not that of a step.

    Under bf16 the weights of a layer are cast once, as they are gathered: half of the traffic, and of the memory of
    what is gathered. Gradients are summed in fp32, over micro-batches and over processes.

    Raises:
        TrainingError: the model skips layers at random, or sends each token to some of its experts.
    """
    _refuse_unused_parameters(model)
    mesh = init_device_mesh(device.type, (processes,))
    # The layers first: the last call takes what no group holds yet.
    wide = set(map(id, _list_wide_layers(model)))
    for group in list_groups(model):
        is_cast = precision == "bf16" and not any(id(layer) in wide for layer in group)
        fully_shard(group, mesh=mesh, mp_policy=IN_BF16 if is_cast else MixedPrecisionPolicy())
    fully_shard(model, mesh=mesh)


def _list_wide_layers(model: TokenLossModel) -> list[nn.Module]:
    """The layers of sides that run in fp32 under autocast too."""
    wide: list[nn.Module] = []
    for side, family in zip(find_sides(model), find_side_families(model), strict=True):
        if not family.mixed_precision:
            wide += list_layers(model, side)
    return wide


def _refuse_unused_parameters(model: TokenLossModel) -> None:
    """Each process would use others in a step, and the gradients that meet would be those of different ones."""
    for part in list_side_configs(model.config):
        family = find_family(part)
        for setting in family.layer_drops:
            if value := getattr(part, setting, 0):
                raise TrainingError(
                    f"training.sharding: fsdp needs every layer in every step, but the model's config has {setting} "
                    f"{value}. Set it to 0.0 in the checkpoint's config.json, or training.sharding to none."
                )
        if experts := getattr(part, family.experts, 0):
            raise TrainingError(
                f"training.sharding: fsdp needs every parameter in every step, but a {part.model_type} sends each "
                f"token to some of its {experts} experts. Set training.sharding to none."
            )


def list_groups(model: TokenLossModel) -> list[list[nn.Module]]:
    """The layers that are gathered at once: one by one, or in pairs of encoder and decoder where these are shared.

    What is in no layer (tables, output layer) is left to the model as a whole, as is all of a family nobody knows.
    """
    encoder, decoder = (list_layers(model, side) for side in find_sides(model))
    if model.sharing.layers:
        return [list(pair) for pair in zip(encoder, decoder, strict=True)]
    return [[layer] for layer in (*encoder, *decoder)]


def gather_model(model: TokenLossModel, device: torch.device | str) -> TokenLossModel:
    """A whole copy of a sharded model, to be called on every process; a model that is not sharded itself.

    Validation and text generation need it: processes that run a sharded model wait for each other at every layer, and
    there their shares differ.

    Args:
        device: where the copy goes; "meta" for processes that help to gather and keep nothing.
    """
    if not is_sharded(model):
        return model
    with torch.device("meta"):
        whole = build_model(model.config, model.sharing, model.pruned)
    gathered: dict[torch.Tensor, nn.Parameter] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter not in gathered:
            gathered[parameter] = nn.Parameter(gather_tensor(parameter).to(device), requires_grad=False)
        set_parameter(whole, name, gathered[parameter])
    for name, buffer in model.named_buffers(remove_duplicate=False):
        set_parameter(whole, name, buffer.to(device))
    whole.generation_config = model.generation_config
    return whole.train(model.training)


def gather_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor as a whole; to be called on every process where it is sharded."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's slice of a tensor that all of them hold, where the other one is sharded; else the tensor."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def is_sharded(model: nn.Module) -> bool:
    """Whether each process holds a slice of the model."""
    return isinstance(model, FSDPModule)


@contextmanager
def hold_gradients(model: nn.Module) -> Iterator[None]:
    """Around every micro-batch of a step but the last, which averages what all of them gave over the processes.

    Until then a process holds whole gradients: less traffic, more memory than one average for each micro-batch. A model
    that is not sharded holds its own in any case.
    """
    if not isinstance(model, FSDPModule):
        yield
        return
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)
