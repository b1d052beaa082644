"""Which heads to remove: those that matter least, weighed anew as others go; or any, to compare with.

A choice is kept as gates, 1 for a head that stays and 0 for one that goes, so that it is tried on the whole model.
Sites that share their parameters lose the same heads, and every site keeps one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch

from ..modeling.attention_sites import AttentionSite
from ..modeling.head_removal import count_heads, list_siblings
from ..modeling.token_loss import TokenLossModel
from .importance import Importance, compute_importance, normalize_by_layer

Gates = dict[str, torch.Tensor]  # by the site's name, (A,), of zeros and ones
Groups = Sequence[Sequence[AttentionSite]]  # those together that share their parameters
Head = tuple[int, int]  # the number of a group of sites, and of a head in each of them


def plan_counts(model: TokenLossModel, keep: float, per_round: float) -> list[int]:
    """How many heads are left after each round: from all of them to the share `keep`, `per_round` of all at a time.

    Each site keeps at least one.

    Example: 20 heads, keep 0.5, per_round 0.2: [20, 16, 12, 10]
    """
    total = count_heads(model)
    least = len(list_siblings(model))
    last = max(round(keep * total), least)
    removed = max(round(per_round * total), 1)
    # The last round may take fewer than the others.
    falling = range(total, last, -removed)
    return [*falling, last]


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
    total = count_heads(model)
    closed: set[Head] = set()
    gates = _build_gates(groups, closed)
    for count in counts:
        if len(closed) < total - count:
            importance = compute_importance(model, batches(), advance, gates, groups)
            if normalized:
                # A head that is closed would have a say in the norm of its layer.
                of_open = {name: values * gates[name] for name, values in importance.items()}
                importance = normalize_by_layer(of_open)
            closed = _close(
                groups,
                closed,
                _rank_heads(groups, importance),
                total - count,
            )
            gates = _build_gates(groups, closed)
        yield gates


def _rank_heads(groups: Groups, importance: Importance) -> list[Head]:
    """All heads, the least important first; the sites of a group have the same importance."""

    def find_importance(head: Head) -> float:
        group, number = head
        first, *_ = groups[group]
        return importance[first.name][number].item()

    return sorted(_list_heads(groups), key=find_importance)


def choose_at_random(
    model: TokenLossModel,
    counts: Sequence[int],
    seed: int,
) -> Iterator[Gates]:
    """The gates of each count, in an order drawn at random."""
    groups = list_siblings(model)
    heads = _list_heads(groups)
    generator = torch.Generator().manual_seed(seed)
    # Drawn once, so that each count closes what the one before it closed, as by importance.
    drawn = torch.randperm(len(heads), generator=generator)
    order = [heads[index] for index in drawn.tolist()]
    total = count_heads(model)
    for count in counts:
        closed = _close(groups, set(), order, total - count)
        yield _build_gates(groups, closed)


def list_kept(gates: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    """The heads that stay, by site, of the sites that lose any: what `remove_heads` takes."""
    kept = {}
    for name, values in gates.items():
        if not values.all():
            kept[name] = values.nonzero()[:, 0].tolist()
    return kept


def _list_heads(groups: Groups) -> list[Head]:
    heads = []
    for group, sites in enumerate(groups):
        heads += [(group, number) for number in range(sites[0].heads)]
    return heads


def _close(
    groups: Groups,
    closed: set[Head],
    order: Sequence[Head],
    count: int,
) -> set[Head]:
    """`count` heads closed in all: those that are, and the first of an order that leave their site another one."""
    closed = set(closed)
    left = [sites[0].heads for sites in groups]
    for group, _ in closed:
        left[group] -= 1
    for head in order:
        group, _ = head
        if len(closed) < count and head not in closed and left[group] > 1:
            closed.add(head)
            left[group] -= 1
    return closed


def _build_gates(groups: Groups, closed: set[Head]) -> Gates:
    gates = {}
    for sites in groups:
        for site in sites:
            gates[site.name] = torch.ones(site.heads)
    for group, number in closed:
        for site in groups[group]:
            gates[site.name][number] = 0
    return gates
