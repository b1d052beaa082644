"""The layers of a side: where they are, which of them could be left out, and a model without some."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn
from transformers import EncoderDecoderConfig, PreTrainedConfig

from .families import find_family
from .native import build_model
from .parts import find_sides
from .token_loss import TokenLossModel

NATIVE_LAYERS = ("layers", "block")  # BART and its kin; T5 and its kin
PER_LAYER_SETTINGS = ("layer_types", "attention_window")  # lists in a config with one entry a layer


def find_layers(model: TokenLossModel, side: str) -> list[nn.Module]:
    """The layers of a side, given as `find_sides` names it; none where nobody knows them."""
    body = model.get_submodule(side.removesuffix("."))
    if isinstance(model.config, EncoderDecoderConfig):
        family = find_family(body.config)
        lists = [body.get_submodule(family.layers)] if family and family.layers else []
    else:
        lists = [getattr(body, name) for name in NATIVE_LAYERS if hasattr(body, name)]
    return [layer for layers in lists for layer in layers]


def find_obstacle(config: PreTrainedConfig, chosen: Sequence[int]) -> str | None:
    """Why a choice of layers would not be a checkpoint's layers; None where it would."""
    family, is_first_n = find_family(config), list(chosen) == list(range(len(chosen)))
    if family is None:
        return "where this family keeps its layers is not known here"
    if family.layers is None and (not is_first_n or config.num_hidden_groups > 1):
        return "its layers share their parameters, so only the first n can be kept, of one group"
    if family.first_layer_differs and (chosen[0] != 0 or 0 in chosen[1:]):
        return "its first layer is built otherwise and has to stay the first"
    if getattr(config, "scale_attn_by_inverse_layer_idx", False) and not is_first_n:
        return "its attention is scaled by the number of the layer, so only the first n can be kept"
    return None


def apply_layers(config: PreTrainedConfig, layers: Sequence[int]) -> None:
    """Cuts a config down to some of its layers."""
    for setting in PER_LAYER_SETTINGS:
        values = getattr(config, setting, None)
        if isinstance(values, list | tuple) and len(values) == config.num_hidden_layers:
            setattr(config, setting, [values[layer] for layer in layers])
    config.num_hidden_layers = len(layers)


@torch.no_grad()
def remove_layers(model: TokenLossModel, encoder: Sequence[int], decoder: Sequence[int]) -> TokenLossModel:
    """A copy that has some of a model's layers alone, counted from 0, in evaluation mode.

    Raises:
        ValueError: a side would be left without layers or has not the ones named, its family allows no such choice, or
            sides that share their layers would keep different ones.
    """
    if model.sharing.layers and list(encoder) != list(decoder):
        raise ValueError("encoder and decoder share their layers and must keep the same ones")
    config = deepcopy(model.config)
    if not isinstance(config, EncoderDecoderConfig):
        raise ValueError(f"layers can be removed from pairs; this is a {config.model_type} published whole")
    new_names: dict[str, str] = {}
    choices = (("encoder", config.encoder, encoder), ("decoder", config.decoder, decoder))
    for (name, part, kept), body in zip(choices, find_sides(model), strict=True):
        available = part.num_hidden_layers
        if not kept or list(kept) != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < available:
            raise ValueError(f"the {name} has layers 0 to {available - 1} and must keep one; found {list(kept)}")
        if len(kept) == available:
            continue
        reason = find_obstacle(part, kept) or (None if find_family(part).layers else "they share their parameters")
        if reason:
            raise ValueError(f"layers {list(kept)} of the {name}, a {part.model_type}, cannot be kept: {reason}")
        prefix = f"{body}{find_family(part).layers}."
        new_names |= {f"{prefix}{old}.": f"{prefix}{new}." for new, old in enumerate(kept)}
        new_names |= {f"{prefix}{old}.": "" for old in range(available) if old not in kept}
        apply_layers(part, kept)

    def rename(name: str) -> str | None:
        """The new name of a parameter or site; None where its layer has gone."""
        for old, new in new_names.items():
            if f"{name}.".startswith(old):
                return f"{new}{name[len(old) :]}" if new else None
        return name

    pruned = {new: heads for name, heads in model.pruned.items() if (new := rename(name))}
    with torch.random.fork_rng(devices=[]):
        smaller = build_model(config, model.sharing, pruned)
    places = smaller.state_dict()
    for name, tensor in model.state_dict().items():
        if new := rename(name):
            places[new].copy_(tensor)
    smaller.generation_config = deepcopy(model.generation_config)
    return smaller.eval()
