"""Which heads to remove: those that matter least, weighed anew as others go; or any, to compare with.

A choice is kept as gates, 1 for a head that stays and 0 for one that goes, so that a model need not be cut to be tried.
Sites that share their parameters lose the same heads, and every site keeps one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch

from ..modeling.attention_sites import AttentionSite
from ..modeling.head_removal import count_heads, list_siblings
from ..modeling.token_loss import TokenLossModel
from .importance import compute_importance, normalize_by_layer

Gates = dict[str, torch.Tensor]  # by the site's name, (A,), of zeros and ones
Head = tuple[int, int]  # the number of a group of sites, and of a head in each of them


def plan_counts(model: TokenLossModel, keep: float, per_round: float) -> list[int]:
    """How many heads are left after each round: from all of them to the share `keep`, `per_round` of all at a time.

    Each site keeps at least one.

    Example: 20 heads, keep 0.5, per_round 0.2: [20, 16, 12, 10]
    """
    total, least = count_heads(model), len(list_siblings(model))
    last = max(round(keep * total), least)
    return [*range(total, last, -max(round(per_round * total), 1)), last]


def choose_by_importance(
    model: TokenLossModel,
    batches: Callable[[], Iterable[Mapping[str, torch.Tensor]]],
    counts: Sequence[int],
    *,
    normalized: bool = False,
    advance: Callable[[int], None] = lambda pairs: None,
) -> Iterator[Gates]:
    """The gates of each count, weighing the heads that are left before every round.

    Args:
        batches: makes the batches that heads are weighed on, as `compute_importance` takes them, as often as asked.
        counts: of heads, falling.
        normalized: ranks heads by importance divided by the l2 norm of their layer.
        advance: told after every batch how many pairs it finished, in all rounds but the first, which removes nothing.
    """
    groups = list_siblings(model)
    closed: set[Head] = set()
    gates, total = _build_gates(groups, closed), count_heads(model)
    for count in counts:
        if len(closed) < total - count:
            importance = compute_importance(model, batches(), advance, gates, groups)
            if normalized:
                importance = normalize_by_layer({name: values * gates[name] for name, values in importance.items()})
            values = [importance[sites[0].name] for sites in groups]
            order = sorted(_list_heads(groups), key=lambda head: values[head[0]][head[1]].item())
            closed = _close(groups, closed, order, total - count)
            gates = _build_gates(groups, closed)
        yield gates


def choose_at_random(model: TokenLossModel, counts: Sequence[int], seed: int) -> Iterator[Gates]:
    """The gates of each count, in an order drawn at random."""
    groups, total = list_siblings(model), count_heads(model)
    heads = _list_heads(groups)
    drawn = torch.randperm(len(heads), generator=torch.Generator().manual_seed(seed))
    order = [heads[index] for index in drawn.tolist()]
    for count in counts:
        yield _build_gates(groups, _close(groups, set(), order, total - count))


def list_kept(gates: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    """The heads that stay, by site, of the sites that lose any: what `remove_heads` takes."""
    return {name: values.nonzero()[:, 0].tolist() for name, values in gates.items() if not values.all()}


def _list_heads(groups: Sequence[Sequence[AttentionSite]]) -> list[Head]:
    return [(number, head) for number, sites in enumerate(groups) for head in range(sites[0].heads)]


def _close(
    groups: Sequence[Sequence[AttentionSite]],
    closed: set[Head],
    order: Sequence[Head],
    count: int,
) -> set[Head]:
    """So many heads closed in all: those that are, and the first of an order that leave their site another one."""
    closed = set(closed)
    left = [sites[0].heads for sites in groups]
    for number, _ in closed:
        left[number] -= 1
    for head in order:
        if len(closed) < count and head not in closed and left[head[0]] > 1:
            closed.add(head)
            left[head[0]] -= 1
    return closed


def _build_gates(groups: Sequence[Sequence[AttentionSite]], closed: set[Head]) -> Gates:
    gates = {site.name: torch.ones(site.heads) for sites in groups for site in sites}
    for number, head in closed:
        for site in groups[number]:
            gates[site.name][head] = 0
    return gates
