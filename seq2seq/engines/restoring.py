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
    pruned = {name: of_site for name, of_site in map_all_head_rows(whole).items() if of_site[0].name in model.pruned}
    kept = model.state_dict()
    for name, tensor in whole.state_dict().items():
        if name not in pruned:
            tensor.copy_(kept[name])
            continue
        site, rows = pruned[name]
        indices = rows.find(model.pruned[site.name]).to(tensor.device)
        tensor.zero_()
        tensor.index_copy_(rows.dim, indices, kept[name])
    return whole
