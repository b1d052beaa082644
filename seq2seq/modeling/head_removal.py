"""Heads removed for good: the projections of an attention site lose the rows and columns that belong to them.

A head is some rows of the projections in front of the attention (query, key, value) and some columns of the one behind
it, which is why a model without it gives what the model with its gate closed gives. transformers' attention takes the
number of heads from what it is given and the width of a head from the config, which stays as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ..families.table import find_family, list_side_configs
from .attention_sites import AttentionSite, list_sites
from .sharing import set_parameter


@dataclass(frozen=True)
class HeadRows:
    """Which rows of a parameter belong to which head: `size` of them along `dim`, as (blocks, heads, rows of each)."""

    dim: int
    size: int
    blocks: int
    heads: int

    def find(self, kept: Sequence[int]) -> torch.Tensor:
        """The rows of some heads, in the parameter's order."""
        rows = torch.arange(self.size).view(self.blocks, self.heads, -1)
        return rows[:, list(kept)].flatten()


def _map_head_rows(model: PreTrainedModel, site: AttentionSite) -> dict[str, HeadRows]:
    """By the name of every parameter of a site that heads have rows or columns of, where these are.

    Raises:
        ValueError: how the family keeps its heads is not known, or they have something in common.
    """
    attention = model.get_submodule(site.name)
    rows_of_heads = {}
    for name, parameter in attention.named_parameters():
        path, _, last = name.rpartition(".")
        part = path.rpartition(".")[2]
        owner = attention.get_submodule(path)
        whole_name = f"{site.name}.{name}"
        # GPT-2's Conv1D has its weight as (inputs, outputs), torch's Linear as (outputs, inputs).
        is_turned = isinstance(owner, Conv1D) and last == "weight"
        if owner is site.output:
            # Its bias is added once to what all heads give together, and belongs to none.
            if last == "weight":
                dim = 0 if is_turned else 1
                rows_of_heads[whole_name] = HeadRows(
                    dim=dim,
                    size=parameter.shape[dim],
                    blocks=1,
                    heads=site.heads,
                )
        elif part in site.names.projections or last in site.names.projections:
            dim = 1 if is_turned else 0
            rows_of_heads[whole_name] = HeadRows(
                dim=dim,
                size=parameter.shape[dim],
                blocks=_count_blocks(site, part, parameter.shape[dim]),
                heads=site.heads,
            )
        elif not type(owner).__name__.endswith("Norm"):
            raise ValueError(f"which part of {whole_name} belongs to which head is not known")
    return rows_of_heads


def _count_blocks(site: AttentionSite, part: str, size: int) -> int:
    """How many of query, key and value a projection of `size` rows joins; one where each head's are side by side.

    Raises:
        ValueError: its rows are no whole number of those of all heads.
    """
    if part in site.names.head_by_head:
        blocks = 1
        rest = size % site.heads
    else:
        blocks, rest = divmod(size, site.width)
    if rest or not blocks:
        raise ValueError(f"heads of {site.name} share their keys and values, so that none can go alone")
    return blocks


def map_all_head_rows(model: PreTrainedModel) -> dict[str, tuple[AttentionSite, HeadRows]]:
    """`_map_head_rows` of all sites, with the site of each parameter.

    Raises:
        ValueError: as `list_sites` and `_map_head_rows`; the heads have a table in common, or come back by themselves.
    """
    tables: list[str] = []
    for config in list_side_configs(model.config):
        family = find_family(config)
        if family.no_pruning is not None:
            raise ValueError(f"a {config.model_type} {family.no_pruning}")
        tables += family.attention.of_all_heads
    for name, _ in model.named_parameters():
        if any(table in name for table in tables):
            raise ValueError(f"{name} is a table of relative positions for all heads, so that none can go alone")
    all_rows = {}
    for site in list_sites(model):
        for name, rows in _map_head_rows(model, site).items():
            all_rows[name] = (site, rows)
    return all_rows


def list_siblings(model: PreTrainedModel) -> list[list[AttentionSite]]:
    """Sites with the same parameters together, as in BERTShare; the others alone."""
    groups: dict[int, list[AttentionSite]] = {}
    for site in list_sites(model):
        groups.setdefault(id(site.output.weight), []).append(site)
    return list(groups.values())


def count_heads(model: PreTrainedModel) -> int:
    """All heads of a model, those that sites share once."""
    return sum(sites[0].heads for sites in list_siblings(model))


def number_heads(model: PreTrainedModel, site: AttentionSite) -> list[int]:
    """The heads that a site has, by the numbers they had in the whole model."""
    return model.pruned.get(site.name, list(range(site.heads)))


def remove_heads(model: PreTrainedModel, kept: Mapping[str, Sequence[int]]) -> None:
    """Removes all other heads of the sites named, in place. What the model shares stays shared.

    `model.pruned` lists, by site, the heads that are left, by the numbers they had in the whole model.

    Args:
        kept: by the site's name the heads to keep, as numbered now; sites left out keep all of theirs.

    Raises:
        ValueError: a site or head is unknown, a site is left without heads, sites that share their parameters are to
            keep different ones, or as `map_all_head_rows`.
    """
    if not kept:
        return
    _check_kept(model, kept)
    all_rows = map_all_head_rows(model)
    sites = {site.name: site for site, _ in all_rows.values() if site.name in kept}
    smaller: dict[int, nn.Parameter] = {}  # by the id of the whole one, which several names may share
    # A list, which also keeps every whole parameter alive: an id is free again as soon as its object is gone.
    for name, parameter in list(model.named_parameters(remove_duplicate=False)):
        if name not in all_rows:
            continue
        site, rows = all_rows[name]
        if site.name not in sites:
            continue
        if id(parameter) not in smaller:
            smaller[id(parameter)] = _select_rows(parameter, rows, kept[site.name])
        set_parameter(model, name, smaller[id(parameter)])
    pruned = dict(model.pruned)
    for name, site in sites.items():
        numbers = number_heads(model, site)
        pruned[name] = [numbers[head] for head in kept[name]]
        _update_counts(model, site, len(kept[name]))
    model.pruned = pruned


def _select_rows(
    parameter: nn.Parameter,
    rows: HeadRows,
    kept: Sequence[int],
) -> nn.Parameter:
    """A parameter with the rows of some heads alone."""
    indices = rows.find(kept).to(parameter.device)
    data = parameter.detach().index_select(rows.dim, indices)
    return nn.Parameter(data, requires_grad=parameter.requires_grad)


def is_choice(numbers: Sequence[int], available: int) -> bool:
    """Whether numbers name at least one of the things that there are, counted from 0, each once and in order."""
    if not numbers or list(numbers) != sorted(set(numbers)):
        return False
    return numbers[0] >= 0 and numbers[-1] < available


def _check_kept(model: PreTrainedModel, kept: Mapping[str, Sequence[int]]) -> None:
    siblings = list_siblings(model)
    heads = {site.name: site.heads for sites in siblings for site in sites}
    for name, numbers in kept.items():
        if name not in heads:
            raise ValueError(f"there is no attention site {name!r}; there are {', '.join(heads)}")
        if not is_choice(numbers, heads[name]):
            raise ValueError(
                f"{name} has heads 0 to {heads[name] - 1} and must keep at least one; found {list(numbers)}"
            )
    for sites in siblings:
        _check_siblings(sites, kept)


def _check_siblings(sites: Sequence[AttentionSite], kept: Mapping[str, Sequence[int]]) -> None:
    numbers_kept = []
    for site in sites:
        all_heads = range(site.heads)
        numbers_kept.append(list(kept.get(site.name, all_heads)))
    if any(numbers != numbers_kept[0] for numbers in numbers_kept):
        names = " and ".join(site.name for site in sites)
        raise ValueError(f"{names} share their parameters and must keep the same heads")


def _update_counts(model: PreTrainedModel, site: AttentionSite, heads: int) -> None:
    """Attributes of a site's modules that count heads or rows."""
    attention = model.get_submodule(site.name)
    inputs = site.width
    counted = False
    for module in attention.modules():
        for name in site.names.counts:
            if isinstance(getattr(module, name, None), int):
                setattr(module, name, heads)
                counted = True
        for name in site.names.widths:
            if hasattr(module, name):
                setattr(module, name, inputs)
        # Not for show alone: Conv1D's forward pass gives its output the width `nf`.
        if isinstance(module, nn.Linear):
            module.out_features, module.in_features = module.weight.shape
        elif isinstance(module, Conv1D):
            module.nx, module.nf = module.weight.shape
    if not counted:  # ModernBERT and EuroBERT count by the config alone
        attention.num_heads = heads
