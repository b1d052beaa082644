"""Layers left out: the rest computes what it computed, and choices that would not be the model's are refused."""

import pytest
import torch

from seq2seq import warm_start
from seq2seq.checkpoints.published import read_published
from seq2seq.modeling.attention_sites import list_sites
from seq2seq.modeling.head_removal import remove_heads
from seq2seq.modeling.layers import list_layers, remove_layers
from seq2seq.modeling.parts import find_sides
from tests.conftest import save_bert, shake
from tests.modeling.test_attention_sites import compute_logits, draw_inputs
from tests.published import save_published

PAIRS = [("bert", "bert"), ("roberta", "gpt2"), ("deberta-v2", "electra"), ("eurobert", "bert-generation")]


class Passed(torch.nn.Module):
    """In place of a layer: gives on what it got, in DeBERTa's way or the others'."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.in_tuple = family.startswith("deberta")

    def forward(self, hidden_states, *args, **kwargs):
        return (hidden_states, None) if self.in_tuple else hidden_states


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_removed_layer_is_a_layer_that_gives_on_what_it_got(shaken_pair, pair):
    model = shaken_pair(*pair)
    inputs = draw_inputs(model)
    smaller = remove_layers(model, encoder=[1], decoder=[1])
    assert [len(list_layers(smaller, side)) for side in find_sides(smaller)] == [1, 1]
    for part in (smaller.config.encoder, smaller.config.decoder):
        assert part.num_hidden_layers == 1
    names = [f"{side}{name}" for side, name in zip(find_sides(model), map(find_layers_name, pair), strict=True)]
    bodies = [model.get_submodule(name) for name in names]
    firsts = [body[0] for body in bodies]
    for body, family in zip(bodies, pair, strict=True):
        body[0] = Passed(family)
    try:
        expected = compute_logits(model, inputs)
    finally:
        for body, first in zip(bodies, firsts, strict=True):
            body[0] = first
    assert torch.allclose(compute_logits(smaller, inputs), expected, atol=1e-6)
    assert not torch.allclose(compute_logits(model, inputs), expected, atol=1e-4)


def find_layers_name(family: str) -> str:
    return {"gpt2": "h", "eurobert": "layers"}.get(family, "encoder.layer")


def test_pruned_heads_stay_with_their_layers(shaken_pair):
    model = remove_layers(shaken_pair("bert", "bert"), encoder=[0, 1], decoder=[0, 1])
    sites = {(site.kind, site.layer): site for site in list_sites(model)}
    kept = {sites["encoder", 1].name: [2], sites["cross", 1].name: [0, 3], sites["decoder", 0].name: [1]}
    remove_heads(model, kept)
    smaller = remove_layers(model, encoder=[1], decoder=[1])
    names = {(site.kind, site.layer): site.name for site in list_sites(smaller)}
    assert smaller.pruned == {names["encoder", 0]: [2], names["cross", 0]: [0, 3]}
    assert {site.kind: site.heads for site in list_sites(smaller)} == {"encoder": 1, "decoder": 4, "cross": 2}


def test_shared_layers_go_on_both_sides(tmp_path):
    folder = save_bert(tmp_path / "bert", num_hidden_layers=3)
    model = warm_start(plan="bertshare", encoder=str(folder)).model
    shake(model, 0.1)
    smaller = remove_layers(model, encoder=[0, 2], decoder=[0, 2])
    encoder, decoder = (list_layers(smaller, side) for side in find_sides(smaller))
    assert len(encoder) == len(decoder) == 2
    assert encoder[1].output.dense.weight is decoder[1].output.dense.weight
    assert torch.equal(encoder[1].output.dense.weight, model.encoder.encoder.layer[2].output.dense.weight)
    with pytest.raises(ValueError, match="share their layers; both must keep the same ones"):
        remove_layers(model, encoder=[0], decoder=[0, 1])


@pytest.mark.parametrize(
    ("pair", "encoder", "decoder", "message"),
    [
        (("bert", "bert"), [], [0], r"the encoder has layers 0 to 1 and must keep one; found \[\]"),
        (("bert", "bert"), [0], [0, 2], r"the decoder has layers 0 to 1 .* found \[0, 2\]"),
        (
            ("albert", "bert"),
            [0],
            [0],
            "layers .* of the encoder, a albert, cannot be kept: they share their parameters",
        ),
        (("t5", "bert"), [1], [0], "the first layer holds the relative positions of all"),
        (("modernbert", "bert"), [1], [0], "its first layer is built otherwise and has to stay the first"),
    ],
)
def test_choices_that_cannot_be_are_refused(shaken_pair, pair, encoder, decoder, message):
    with pytest.raises(ValueError, match=message):
        remove_layers(shaken_pair(*pair), encoder=encoder, decoder=decoder)


def test_encoder_decoder_published_whole_is_refused(tmp_path):
    model = read_published(save_published(tmp_path, "bart")).model
    with pytest.raises(ValueError, match="layers can be removed from pairs; this is a bart published whole"):
        remove_layers(model, encoder=[0], decoder=[0])
