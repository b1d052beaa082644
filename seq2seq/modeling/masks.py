"""Masks in the form in which no value of them has to be looked at, for which a GPU would be waited for.

Shapes: B examples, S source and T target positions.
"""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedModel

from ..families.table import find_family


def prepare_sources(sources: Mapping[str, torch.Tensor], model: PreTrainedModel) -> dict[str, Any]:
    """The inputs of an encoder, with their mask (B, S) as its model takes it without a look at its values.

    Of a mask in that form transformers asks whether anything is padded. It stays as it is where the model's family is
    not known to take another, and is missing where nothing is padded, unless the model would look for pads then.
    """
    mask = sources.get("attention_mask")
    if mask is None and find_family(model.config).searches_unmasked and "input_ids" in sources:
        mask = torch.ones_like(sources["input_ids"])
    return dict(sources) if mask is None else {**sources, "attention_mask": _convert(mask, model)}


def _convert(mask: torch.Tensor, model: PreTrainedModel) -> torch.Tensor | dict[str, torch.Tensor]:
    form = find_family(model.config).masks
    if form == "padding" or not _takes_masks(model):
        return mask
    seen = mask[:, None, None, :].bool()
    if form == "broadcast":
        return _fit(seen, model)
    places = torch.arange(mask.shape[1], device=mask.device)
    near = (places[:, None] - places).abs() <= model.config.sliding_window
    return {"full_attention": _fit(seen, model), "sliding_attention": _fit(seen & near, model)}


def prepare_cross_mask(mask: torch.Tensor | None, model: PreTrainedModel) -> torch.Tensor | None:
    """The mask (B, S) by which a decoder attends to sources, in the form of `prepare_sources`."""
    if mask is None or find_family(model.config).masks != "broadcast" or not _takes_masks(model):
        return mask
    return _fit(mask[:, None, None, :].bool(), model)


def build_target_mask(
    target_ids: torch.Tensor,
    model: PreTrainedModel,
    done: int = 0,
) -> torch.Tensor | None:
    """The mask (1, 1, T, done + T) by which targets (B, T) look only back; None where the decoder needs none.

    Pads stand only behind real tokens, so that a decoder that looks only back by itself needs no mask. A family whose
    model would look into ids and positions for want of one gets one.

    Args:
        done: how many positions before these the decoder remembers.
    """
    if not find_family(model.config).searches_unmasked or not _takes_masks(model):
        return None
    length = target_ids.shape[1]
    seen = torch.ones(length, done + length, dtype=torch.bool, device=target_ids.device).tril(done)
    return _fit(seen[None, None], model)


def _takes_masks(model: PreTrainedModel) -> bool:
    return model.config._attn_implementation in ("sdpa", "eager")


def _fit(seen: torch.Tensor, model: PreTrainedModel) -> torch.Tensor:
    """Where is looked, as torch's attention takes it; or what transformers' own adds to the scores."""
    if model.config._attn_implementation == "sdpa":
        return seen
    nothing = torch.zeros((), dtype=model.dtype, device=seen.device)
    return torch.where(seen, nothing, torch.finfo(model.dtype).min)
