"""Masks in the form in which no value of them has to be looked at, for which a GPU would be waited for.

Shapes: B examples, S source and T target positions.
"""

import torch
from transformers import PreTrainedConfig

from ..families.table import find_family


def broadcast_mask(mask: torch.Tensor | None, config: PreTrainedConfig) -> torch.Tensor | None:
    """A mask (B, S) of sources as (B, 1, 1, S), which scaled-dot-product attention takes as it is.

    Of the first form transformers asks whether anything is padded. The mask stays as it is where there is none, where
    the model of the config computes attention otherwise, or where its family is not known to take the second form.
    """
    if mask is None or mask.dim() != 2 or config._attn_implementation != "sdpa":
        return mask
    if not find_family(config).broadcast_masks:
        return mask
    return mask[:, None, None, :].bool()


def build_target_mask(target_ids: torch.Tensor, config: PreTrainedConfig) -> torch.Tensor | None:
    """The mask (1, 1, T, T) by which targets (B, T) look only back, for the decoder of a config; None if it needs none.

    Pads stand only behind real tokens, so that a decoder that looks only back by itself needs no mask. A family whose
    model would look into ids and positions for want of one gets one.
    """
    if config._attn_implementation != "sdpa" or not find_family(config).searches_targets:
        return None
    length = target_ids.shape[1]
    return torch.ones(length, length, dtype=torch.bool, device=target_ids.device).tril()[None, None]
