"""The layers of a side: where they are, which of them could be left out, and a model without some."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn
from transformers import EncoderDecoderConfig, PreTrainedConfig, PreTrainedModel

from ..families.family import require
from ..families.table import find_family
from .build import build_like
from .head_removal import is_choice
from .parts import find_side_families, find_sides
from .token_loss import TokenLossModel


def list_layers(model: TokenLossModel, side: str) -> list[nn.Module]:
    """The layers of a side, given as `find_sides` names it; none where nobody knows them."""
    body = model.get_submodule(side.removesuffix("."))
    if isinstance(model.config, EncoderDecoderConfig):
        return list_body_layers(body)
    family, _ = find_side_families(model)
    layers: list[nn.Module] = []
    for name in family.whole_layers:
        layers += getattr(body, name, [])
    return layers


def list_body_layers(body: PreTrainedModel) -> list[nn.Module]:
    """The layers of a side of a pair; none where nobody knows them, or where they share their parameters."""
    known = find_family(body.config).layers
    if known is None or known.path is None:
        return []
    return list(body.get_submodule(known.path))


def find_obstacle(config: PreTrainedConfig, chosen: Sequence[int]) -> str | None:
    """Why a choice of layers would not be a checkpoint's layers; None where it would."""
    known = find_family(config).layers
    is_first_n = list(chosen) == list(range(len(chosen)))
    if known is None:
        return "where this family keeps its layers is not known here"
    groups = getattr(config, known.groups) if known.groups else 1
    is_scaled = known.scaled_by_number and getattr(config, known.scaled_by_number)
    if known.path is None and (not is_first_n or groups > 1):
        return "its layers share their parameters, so only the first n can be kept, of one group"
    if known.first_differs and (chosen[0] != 0 or 0 in chosen[1:]):
        return "its first layer is built otherwise and has to stay the first"
    if is_scaled and not is_first_n:
        return "its attention is scaled by the number of the layer, so only the first n can be kept"
    return None


def apply_layers(config: PreTrainedConfig, layers: Sequence[int]) -> None:
    """Cuts a config down to some of its layers, of which `find_obstacle` knows nothing against."""
    known = require(find_family(config).layers, "layers")
    for setting in known.per_layer:
        values = getattr(config, setting, None)
        # Such a setting may also be one value for all layers, as Longformer's window.
        if isinstance(values, list | tuple) and len(values) == config.num_hidden_layers:
            setattr(config, setting, [values[layer] for layer in layers])
    config.num_hidden_layers = len(layers)


def _find_refusal(config: PreTrainedConfig, chosen: Sequence[int]) -> str | None:
    """`find_obstacle`, or what a model that lost the other layers would lose besides."""
    reason = find_obstacle(config, chosen)
    if reason is not None:
        return reason
    known = require(find_family(config).layers, "layers")
    if known.path is None:
        return "they share their parameters"
    if known.of_first and chosen[0] != 0:
        return "the first layer holds the relative positions of all"
    return None


def check_layers(
    model: TokenLossModel,
    encoder: Sequence[int],
    decoder: Sequence[int],
) -> None:
    """Makes sure that a model can do with these layers alone.

    Raises:
        ValueError: it is no pair, a side would be left without layers or has not the ones named, its family allows no
            such choice, or sides that share their layers would keep different ones.
    """
    if not isinstance(model.config, EncoderDecoderConfig):
        raise ValueError(f"layers can be removed from pairs; this is a {model.config.model_type} published whole")
    if model.sharing.layers and list(encoder) != list(decoder):
        raise ValueError("encoder and decoder share their layers; both must keep the same ones")
    _check_side("encoder", model.config.encoder, encoder)
    _check_side("decoder", model.config.decoder, decoder)


def _check_side(name: str, config: PreTrainedConfig, kept: Sequence[int]) -> None:
    available = config.num_hidden_layers
    if not is_choice(kept, available):
        raise ValueError(f"the {name} has layers 0 to {available - 1} and must keep one; found {list(kept)}")
    # A family whose layers are not known may still keep all of them.
    if len(kept) == available:
        return
    reason = _find_refusal(config, kept)
    if reason is not None:
        raise ValueError(f"layers {list(kept)} of the {name}, a {config.model_type}, cannot be kept: {reason}")


@torch.no_grad()
def remove_layers(
    model: TokenLossModel,
    encoder: Sequence[int],
    decoder: Sequence[int],
) -> TokenLossModel:
    """A copy that has some of a model's layers alone, counted from 0, in evaluation mode.

    Raises:
        ValueError: as `check_layers`.
    """
    check_layers(model, encoder, decoder)
    config = deepcopy(model.config)
    encoder_body, decoder_body = find_sides(model)
    prefixes = _rename_layers(config.encoder, encoder, encoder_body)
    prefixes |= _rename_layers(config.decoder, decoder, decoder_body)
    for part, kept in ((config.encoder, encoder), (config.decoder, decoder)):
        if len(kept) < part.num_hidden_layers:
            apply_layers(part, kept)
    pruned = {}
    for site, heads in model.pruned.items():
        new_site = _rename(site, prefixes)
        if new_site is not None:
            pruned[new_site] = heads
    smaller = build_like(model, config, pruned)
    # A state dict's tensors are the model's own memory: copying into them fills the model.
    tensors = smaller.state_dict()
    for name, tensor in model.state_dict().items():
        new_name = _rename(name, prefixes)
        if new_name is not None:
            tensors[new_name].copy_(tensor)
    return smaller


def _rename_layers(
    config: PreTrainedConfig,
    kept: Sequence[int],
    body: str,
) -> dict[str, str | None]:
    """The prefix of each layer of a side and the one it gets when only some are kept; None for layers that go."""
    available = config.num_hidden_layers
    if len(kept) == available:
        return {}
    known = require(find_family(config).layers, "layers")
    path = f"{body}{known.path}."
    new_numbers = {old: new for new, old in enumerate(kept)}
    prefixes: dict[str, str | None] = {}
    for layer in range(available):
        new = new_numbers.get(layer)
        # With the dot behind the number, or layer 1 would be the beginning of layer 10.
        prefixes[f"{path}{layer}."] = None if new is None else f"{path}{new}."
    return prefixes


def _rename(name: str, prefixes: dict[str, str | None]) -> str | None:
    """The new name of a parameter or site; None where its layer has gone."""
    for old, new in prefixes.items():
        if f"{name}.".startswith(old):
            rest = name[len(old) :]
            return None if new is None else f"{new}{rest}"
    return name
