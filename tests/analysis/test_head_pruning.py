"""Which heads go: those that matter least of those left, one of each site stays, shared sites lose the same."""

from itertools import pairwise

import pytest
import torch

from seq2seq import warm_start
from seq2seq.analysis.head_pruning import choose_at_random, choose_by_importance, list_kept, plan_counts
from seq2seq.analysis.importance import compute_importance
from seq2seq.modeling.attention_sites import gated, list_sites
from tests.analysis.test_importance import draw_batch
from tests.conftest import shake


@pytest.fixture
def model(tiny_bert):
    model = warm_start(plan="bert2bert", encoder=str(tiny_bert)).model
    shake(model, 0.3)
    return model.eval()  # six sites of four heads


@pytest.fixture
def shared(tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    shake(model, 0.3)
    return model.eval()  # four sites of four heads: two are encoder's and decoder's


def close(gates, importance, count):
    """So many more of the open heads closed, the least important, one left to each site."""
    gates = {name: values.clone() for name, values in gates.items()}
    ranked = sorted(
        (value.item(), name, head) for name, values in importance.items() for head, value in enumerate(values)
    )
    closed = 0
    for _, name, head in ranked:
        if closed < count and gates[name][head] and gates[name].sum() > 1:
            gates[name][head], closed = 0, closed + 1
    return gates


def count_open(gates) -> int:
    return int(sum(values.sum() for values in gates.values()))


@pytest.mark.parametrize(
    ("keep", "per_round", "counts"),
    [
        (0.5, 0.25, [24, 18, 12]),
        (0.5, 0.2, [24, 19, 14, 12]),
        (0.5, 1.0, [24, 12]),
        (0.9, 0.001, [24, 23, 22]),
        (1.0, 0.1, [24]),
        (0.25, 0.5, [24, 12, 6]),
        (0.1, 0.5, [24, 12, 6]),  # one of each site
    ],
)
def test_rounds_go_down_to_the_share_that_stays(model, keep, per_round, counts):
    assert plan_counts(model, keep, per_round) == counts


def test_every_site_counts_on_a_head_and_shared_ones_on_one_together(model, shared):
    assert (plan_counts(model, 0.2, 1.0), plan_counts(shared, 0.2, 1.0)) == ([24, 6], [16, 4])


def test_each_round_closes_the_least_important_of_those_left(model):
    batch = draw_batch(model)
    [whole, first, second] = choose_by_importance(model, lambda: [batch], [24, 16, 8])
    assert (count_open(whole), count_open(first), count_open(second)) == (24, 16, 8)
    nothing = {name: torch.ones(4) for name in first}
    expected = close(nothing, compute_importance(model, [batch]), 8)
    assert all(torch.equal(expected[name], first[name]) for name in first)
    # The second round weighs the model that the first one left.
    with gated(list_sites(model), first):
        left = compute_importance(model, [batch])
    expected = close(first, left, 8)
    assert all(torch.equal(expected[name], second[name]) for name in first)
    # Weighed once for both rounds, others would have gone.
    unweighed = close(first, compute_importance(model, [batch]), 8)
    assert any(not torch.equal(unweighed[name], second[name]) for name in first)


def test_importance_at_gates_is_that_of_the_gated_model(model):
    """The slope at a gate of an open head is the same whether other heads are closed by gates or by hooks outside."""
    batch = draw_batch(model)
    [*_, gates] = choose_at_random(model, [24, 15], seed=3)
    sites = list_sites(model)
    importance = compute_importance(model, [batch], gates=gates)
    with gated(sites, gates):
        expected = compute_importance(model, [batch])
    for site in sites:
        opened = gates[site.name].bool()
        assert torch.allclose(importance[site.name][opened], expected[site.name][opened], rtol=1e-4)


@pytest.mark.parametrize("normalized", [False, True])
def test_every_site_keeps_a_head(model, normalized):
    batch = draw_batch(model)
    [*_, gates] = choose_by_importance(model, lambda: [batch], [24, 12, 6], normalized=normalized)
    assert [int(values.sum()) for values in gates.values()] == [1] * 6


def test_sites_that_share_parameters_lose_the_same_heads(shared):
    batch = draw_batch(shared)
    for gates in (
        list(choose_by_importance(shared, lambda: [batch], [16, 8]))[-1],
        list(choose_at_random(shared, [16, 8], seed=1))[-1],
    ):
        encoder, decoder, cross = (
            [gates[site.name] for site in list_sites(shared) if site.kind == kind]
            for kind in ("encoder", "decoder", "cross")
        )
        assert all(torch.equal(*pair) for pair in zip(encoder, decoder, strict=True))
        assert count_open(gates) == 8 + sum(int(values.sum()) for values in encoder)
        assert any(not torch.equal(*pair) for pair in zip(encoder, cross, strict=True))


def test_random_order_follows_its_seed_and_goes_on_from_round_to_round(model):
    rounds = list(choose_at_random(model, [24, 20, 11], seed=5))
    assert [count_open(gates) for gates in rounds] == [24, 20, 11]
    for earlier, later in pairwise(rounds):
        assert all((later[name] <= earlier[name]).all() for name in earlier)
    again, other = (list(choose_at_random(model, [24, 20, 11], seed=seed)) for seed in (5, 6))
    assert list_kept(again[-1]) == list_kept(rounds[-1]) != list_kept(other[-1])
