"""How layers are run, where a recipe asks for less memory or more speed; what they compute stays the same."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from transformers import PreTrainedModel

from ..base.errors import TrainingError
from ..modeling.layers import list_layers
from ..modeling.parts import find_sides
from ..modeling.token_loss import TokenLossModel


def enable_gradient_checkpointing(model: PreTrainedModel) -> None:
    """Lets every layer forget its inner states and compute them again, dropout masks included, on the way back.

    Raises:
        TrainingError: transformers cannot do so for the model.
    """
    # transformers renamed it after 5.17.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    try:
        enable({"use_reentrant": False})
    except ValueError as error:
        raise TrainingError(f"training.gradient_checkpointing: {error} Set it to false.") from None


def run_uncompiled(compiled: bool) -> AbstractContextManager[None]:
    """Around validation: every token that is generated has other shapes, which are not worth a compilation each."""
    if not compiled:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def compile_layers(model: TokenLossModel) -> None:
    """Compiles every layer for any batch size and length, at its first use.

    Layers alone: alike, they share one compilation, and what is around them (masks, real positions) is of other shapes
    in every micro-batch.

    Raises:
        TrainingError: nobody knows the layers of the model's family.
    """
    layers: list[nn.Module] = []
    for side in find_sides(model):
        layers += list_layers(model, side)
    if not layers:
        raise TrainingError(
            f"training.compile compiles layers, and nobody knows those of model_type {model.config.model_type!r} here. "
            "Set it to false."
        )
    for layer in layers:
        layer.compile(dynamic=True)
