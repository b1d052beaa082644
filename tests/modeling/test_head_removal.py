"""Heads removed for good give what closed gates give, in every family that allows it; the others are refused."""

from copy import deepcopy

import pytest
import torch

from seq2seq import warm_start
from seq2seq.checkpoints.published import read_published
from seq2seq.engines.restoring import restore_heads
from seq2seq.modeling.attention_sites import gated, list_sites
from seq2seq.modeling.build import build_model
from seq2seq.modeling.head_removal import count_heads, list_siblings, remove_heads
from seq2seq.modeling.sharing import Sharing
from tests.conftest import shake
from tests.families import DECODERS, ENCODERS
from tests.local_attention import LOCAL_OR_SPARSE
from tests.modeling.test_attention_sites import HEADS, compute_logits, draw_inputs
from tests.published import save_published

REFUSED = {
    "t5": "relative_attention_bias.weight is a table of relative positions for all heads",
    "mpnet": "relative_attention_bias.weight is a table of relative positions for all heads",
    "longformer": "query_global.weight belongs to which head is not known",
}
PAIRS = [(family, "bert") for family in ENCODERS if family not in REFUSED]
PAIRS += [("bert", family) for family in DECODERS[1:]]


def test_family_that_builds_its_attention_anew_is_refused():
    model = build_model(LOCAL_OR_SPARSE["bigbird_pegasus"], Sharing(embeddings=False, layers=False))
    [site, *_] = list_sites(model)
    with pytest.raises(
        ValueError, match="a bigbird_pegasus changes its kind of attention with the length of the source"
    ):
        remove_heads(model, {site.name: [0]})
    assert model.pruned == {}


def choose_kept(model) -> dict[str, list[int]]:
    """Of the sites in turn one, two, three and all four heads."""
    choices = ([2], [0, 3], [0, 1, 3], None)
    chosen = {}
    for number, sites in enumerate(list_siblings(model)):
        if kept := choices[number % 4]:
            chosen |= {site.name: kept for site in sites}
    return chosen


def check_removal(whole) -> None:
    whole = deepcopy(whole).double()
    model, kept, inputs = deepcopy(whole), choose_kept(whole), draw_inputs(whole)
    gates = {name: torch.tensor([float(head in heads) for head in range(HEADS)]) for name, heads in kept.items()}
    with gated(list_sites(whole), gates):
        expected = compute_logits(whole, inputs)
    remove_heads(model, kept)
    assert model.pruned == kept
    assert [site.heads for site in list_sites(model)] == [
        len(kept.get(site.name, range(HEADS))) for site in list_sites(whole)
    ]
    assert torch.allclose(compute_logits(model, inputs), expected, rtol=0, atol=1e-12)
    assert not torch.allclose(compute_logits(whole, inputs), expected, atol=1e-6)
    restored = restore_heads(model)
    assert restored.pruned == {}
    assert torch.allclose(compute_logits(restored, inputs), expected, rtol=0, atol=1e-12)
    assert {n: p.shape for n, p in restored.named_parameters()} == {n: p.shape for n, p in whole.named_parameters()}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_pair_without_heads_is_the_pair_with_closed_gates(shaken_pair, pair):
    check_removal(shaken_pair(*pair))


@pytest.mark.parametrize("family", ["bart", "mbart", "marian"])
def test_published_encoder_decoder_without_heads_is_the_one_with_closed_gates(tmp_path, family):
    model = read_published(save_published(tmp_path, family)).model
    shake(model, 0.1)
    check_removal(model.eval())


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_implementation_makes_no_difference(shaken_pair, implementation):
    model = deepcopy(shaken_pair("bert", "roberta"))
    model.set_attn_implementation(implementation)
    check_removal(model)


@pytest.mark.parametrize("family", REFUSED)
def test_families_whose_heads_cannot_go_alone_are_refused(shaken_pair, family):
    model = shaken_pair(family, "bert")
    site = list_sites(model)[0]
    with pytest.raises(ValueError, match=REFUSED[family]):
        remove_heads(model, {site.name: [0]})
    assert model.pruned == {}


@pytest.mark.parametrize("plan", ["bertshare", "bert2bert"])
def test_what_is_shared_stays_shared(tiny_bert, plan):
    model = warm_start(plan=plan, encoder=str(tiny_bert)).model
    shake(model, 0.1)
    tables, heads = len({id(p) for p in model.parameters()}), count_heads(model)
    assert heads == {"bertshare": 4 * HEADS, "bert2bert": 6 * HEADS}[plan]
    check_removal(model)
    remove_heads(model, choose_kept(model))
    assert len({id(p) for p in model.parameters()}) == tables
    encoder, decoder, _ = (sites for sites in zip(*[iter(list_sites(model))] * 2, strict=True))
    for first, second in zip(encoder, decoder, strict=True):
        assert (first.output.weight is second.output.weight) == (plan == "bertshare")
    assert count_heads(model) == sum(sites[0].heads for sites in list_siblings(model)) < heads
    inputs = draw_inputs(model)
    logits, parameters = compute_logits(model, inputs), {name: id(p) for name, p in model.named_parameters()}
    model.tie_weights()
    assert torch.equal(compute_logits(model, inputs), logits)
    assert {name: id(p) for name, p in model.named_parameters()} == parameters


def test_removing_twice_numbers_heads_as_in_the_whole_model(shaken_pair):
    once, twice = deepcopy(shaken_pair("bert", "bert")), deepcopy(shaken_pair("bert", "bert"))
    name = list_sites(once)[0].name
    remove_heads(once, {name: [3]})
    remove_heads(twice, {name: [1, 3]})
    remove_heads(twice, {name: [1]})
    assert once.pruned == twice.pruned == {name: [3]}
    inputs = draw_inputs(once)
    assert torch.equal(compute_logits(once, inputs), compute_logits(twice, inputs))


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"encoder.nowhere": [0]}, "there is no attention site 'encoder.nowhere'; there are encoder.encoder.layer.0"),
        ({"first": []}, "has heads 0 to 3 and must keep at least one; found \\[\\]"),
        ({"first": [1, 4]}, "has heads 0 to 3 .* found \\[1, 4\\]"),
        ({"first": [2, 1]}, "found \\[2, 1\\]"),
        ({"first": [0]}, "share their parameters and must keep the same heads"),
    ],
)
def test_choices_that_cannot_be_are_refused(tiny_bert, kept, message):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    first = list_sites(model)[0].name
    with pytest.raises(ValueError, match=message):
        remove_heads(model, {first if name == "first" else name: heads for name, heads in kept.items()})


def test_frozen_parameters_stay_frozen_and_the_rest_learns(shaken_pair):
    model = deepcopy(shaken_pair("bert", "bert"))
    site = list_sites(model)[0]
    site.output.weight.requires_grad_(False)
    remove_heads(model, {site.name: [0, 1]})
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {f"{site.name}.output.dense.weight"}
