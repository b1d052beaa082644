"""How much each head matters: the expected absolute gradient of the loss at its gate (Michel, Levy and Neubig 2019).

Shapes: B pairs, A heads of a site.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from ..data.collation import move_batch
from ..modeling.attention_sites import AttentionSite, gated, list_sites
from ..modeling.token_loss import IGNORED_LABEL, TokenLossModel, evaluating

Importance = dict[str, torch.Tensor]  # by the site's name: a number for each head, (A,), float64


def compute_importance(
    model: TokenLossModel,
    batches: Iterable[Mapping[str, torch.Tensor]],
    advance: Callable[[int], None] = lambda pairs: None,
    gates: Mapping[str, torch.Tensor] | None = None,
    groups: Sequence[Sequence[AttentionSite]] | None = None,
) -> Importance:
    """The importance of every head, in one pass: sum over pairs of |d loss of the pair / d gate|, a target token.

    The loss of a pair is the negative log-likelihood of its target tokens, summed; each pair of a batch has gates of
    its own, so that gradients of different sign do not cancel out (the paper's expectation is over samples). The sums
    are divided by the number of all target tokens at the end. Dropout is off.

    Args:
        batches: micro-batches with input_ids, attention_mask and labels, (B, S), (B, S) and (B, T).
        advance: told after every batch how many pairs it finished.
        gates: where the gates of sites stand, by name, (A,); they stand open where left out.
        groups: all sites, those together that have one gate a head between them; left out: each has its own.

    Raises:
        ValueError: see `list_sites`; or there is no target token.
    """
    if groups is None:
        groups = [[site] for site in list_sites(model)]
    # On the device, which is waited for once, at the end.
    sums: Importance = {}
    for sites in groups:
        for site in sites:
            sums[site.name] = torch.zeros(site.heads, dtype=torch.float64, device=model.device)
    opened = _open_gates(model, groups, gates or {})
    tokens = 0
    with evaluating(model), _frozen(model):
        for batch in batches:
            gradients = _compute_gate_gradients(model, groups, move_batch(batch, model.device), opened)
            for name, gradient in gradients.items():
                sums[name] += gradient.abs().sum(dim=0).double()
            labels = batch["labels"]
            tokens += int(labels.ne(IGNORED_LABEL).sum())
            advance(len(labels))
    if tokens == 0:
        raise ValueError("there is no target token to weigh heads on")
    return {name: total.cpu() / tokens for name, total in sums.items()}


def _open_gates(
    model: TokenLossModel,
    groups: Sequence[Sequence[AttentionSite]],
    gates: Mapping[str, torch.Tensor],
) -> list[torch.Tensor]:
    """Where the gates of each group stand, (A,), on the model's device."""
    opened = []
    for first, *_ in groups:
        values = gates.get(first.name, torch.ones(first.heads))
        opened.append(values.to(model.device, model.dtype))
    return opened


def _compute_gate_gradients(
    model: TokenLossModel,
    groups: Sequence[Sequence[AttentionSite]],
    batch: Mapping[str, torch.Tensor],
    opened: Sequence[torch.Tensor],
) -> dict[str, torch.Tensor]:
    """By site, the gradient of each pair's loss at the gates of its own, (B, A)."""
    rows = len(batch["labels"])
    gates: list[torch.Tensor] = []
    for values in opened:
        # A row for each pair: with one gate for all, gradients of different sign would cancel out.
        of_pairs = values.repeat(rows, 1)  # (B, A)
        gates.append(of_pairs.requires_grad_())
    sites = [site for group in groups for site in group]
    with torch.enable_grad(), gated(sites, _name_by_site(groups, gates)):
        loss = model(**batch).objective
        gradients = torch.autograd.grad(loss, gates)
    return _name_by_site(groups, gradients)


def _name_by_site(
    groups: Sequence[Sequence[AttentionSite]],
    of_groups: Sequence[torch.Tensor],
) -> dict[str, torch.Tensor]:
    """What each group has, for every site of it."""
    by_site = {}
    for sites, of_group in zip(groups, of_groups, strict=True):
        for site in sites:
            by_site[site.name] = of_group
    return by_site


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient while the block runs."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # Else autograd would hold on to what the gradients of all weights need, to get at those of a few gates.
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def normalize_by_layer(importance: Importance) -> Importance:
    """Divides the heads of each site by their l2 norm (Molchanov et al. 2017, as the paper does); zeros stay zeros."""
    normalized = {}
    for name, values in importance.items():
        # Zeros have the norm zero, and 0 / 0 is no number.
        smallest = torch.finfo(values.dtype).tiny
        norm = values.norm().clamp_min(smallest)
        normalized[name] = values / norm
    return normalized
