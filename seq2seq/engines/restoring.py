"""A pruned model with its heads back in their places as zeros: for programs that know one number of heads alone."""

from copy import deepcopy

import torch

from ..modeling.build import build_like
from ..modeling.head_removal import map_all_head_rows
from ..modeling.token_loss import TokenLossModel


@torch.no_grad()
def restore_heads(model: TokenLossModel) -> TokenLossModel:
    """A copy in the shape of its config that computes the same; a model that has all its heads itself.

    What was removed gives zeros, and nothing passes it on.
    """
    if not model.pruned:
        return model
    whole = build_like(model, deepcopy(model.config))
    rows, smaller = map_all_head_rows(whole), model.state_dict()
    for name, tensor in whole.state_dict().items():
        site, found = rows.get(name, (None, None))
        if site is None or site.name not in model.pruned:
            tensor.copy_(smaller[name])
        else:
            tensor.zero_().index_copy_(found.dim, found.find(model.pruned[site.name]).to(tensor.device), smaller[name])
    return whole
