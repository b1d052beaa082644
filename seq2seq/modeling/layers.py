"""The layers of a side: where they are, which of them could be left out, and a model without some."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import nn
from transformers import EncoderDecoderConfig, PreTrainedConfig

from ..families.table import find_family
from .build import build_like
from .parts import find_side_families, find_sides
from .token_loss import TokenLossModel


def list_layers(model: TokenLossModel, side: str) -> list[nn.Module]:
    """The layers of a side, given as `find_sides` names it; none where nobody knows them."""
    body = model.get_submodule(side.removesuffix("."))
    if isinstance(model.config, EncoderDecoderConfig):
        known = find_family(body.config).layers
        lists = [body.get_submodule(known.path)] if known and known.path else []
    else:
        family, _ = find_side_families(model)
        lists = [getattr(body, name) for name in family.whole_layers if hasattr(body, name)]
    return [layer for layers in lists for layer in layers]


def find_obstacle(config: PreTrainedConfig, chosen: Sequence[int]) -> str | None:
    """Why a choice of layers would not be a checkpoint's layers; None where it would."""
    known = find_family(config).layers
    is_first_n = list(chosen) == list(range(len(chosen)))
    if known is None:
        return "where this family keeps its layers is not known here"
    groups = getattr(config, known.groups) if known.groups else 1
    if known.path is None and (not is_first_n or groups > 1):
        return "its layers share their parameters, so only the first n can be kept, of one group"
    if known.first_differs and (chosen[0] != 0 or 0 in chosen[1:]):
        return "its first layer is built otherwise and has to stay the first"
    if known.scaled_by_number and getattr(config, known.scaled_by_number) and not is_first_n:
        return "its attention is scaled by the number of the layer, so only the first n can be kept"
    return None


def apply_layers(config: PreTrainedConfig, layers: Sequence[int]) -> None:
    """Cuts a config down to some of its layers, of which `find_obstacle` knows nothing against."""
    for setting in find_family(config).layers.per_layer:
        values = getattr(config, setting, None)
        if isinstance(values, list | tuple) and len(values) == config.num_hidden_layers:
            setattr(config, setting, [values[layer] for layer in layers])
    config.num_hidden_layers = len(layers)


def _find_refusal(config: PreTrainedConfig, chosen: Sequence[int]) -> str | None:
    """`find_obstacle`, or what a model that lost the other layers would lose besides."""
    if reason := find_obstacle(config, chosen):
        return reason
    known = find_family(config).layers
    if known.path is None:
        return "they share their parameters"
    if known.of_first and chosen[0] != 0:
        return "the first layer holds the relative positions of all"
    return None


def check_layers(model: TokenLossModel, encoder: Sequence[int], decoder: Sequence[int]) -> None:
    """Makes sure that a model can do with these layers alone.

    Raises:
        ValueError: it is no pair, a side would be left without layers or has not the ones named, its family allows no
            such choice, or sides that share their layers would keep different ones.
    """
    if not isinstance(model.config, EncoderDecoderConfig):
        raise ValueError(f"layers can be removed from pairs; this is a {model.config.model_type} published whole")
    if model.sharing.layers and list(encoder) != list(decoder):
        raise ValueError("encoder and decoder share their layers; both must keep the same ones")
    for name, part, kept in (("encoder", model.config.encoder, encoder), ("decoder", model.config.decoder, decoder)):
        available = part.num_hidden_layers
        if not kept or list(kept) != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < available:
            raise ValueError(f"the {name} has layers 0 to {available - 1} and must keep one; found {list(kept)}")
        if len(kept) < available and (reason := _find_refusal(part, kept)):
            raise ValueError(f"layers {list(kept)} of the {name}, a {part.model_type}, cannot be kept: {reason}")


@torch.no_grad()
def remove_layers(model: TokenLossModel, encoder: Sequence[int], decoder: Sequence[int]) -> TokenLossModel:
    """A copy that has some of a model's layers alone, counted from 0, in evaluation mode.

    Raises:
        ValueError: as `check_layers`.
    """
    check_layers(model, encoder, decoder)
    config = deepcopy(model.config)
    new_names: dict[str, str] = {}
    choices = ((config.encoder, encoder), (config.decoder, decoder))
    for (part, kept), body in zip(choices, find_sides(model), strict=True):
        if len(kept) < (available := part.num_hidden_layers):
            prefix = f"{body}{find_family(part).layers.path}."
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
    smaller = build_like(model, config, pruned)
    places = smaller.state_dict()
    for name, tensor in model.state_dict().items():
        if new := rename(name):
            places[new].copy_(tensor)
    return smaller
