"""Where every family attends, and gates on its heads: a closed gate is a head whose part of the projection is zero."""

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, BartConfig, FSMTConfig

from seq2seq import warm_start
from seq2seq.checkpoints.published import read_published
from seq2seq.modeling.attention_sites import gated, list_sites
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from tests.conftest import shake
from tests.families import DECODERS, ENCODERS
from tests.local_attention import LOCAL_OR_SPARSE
from tests.published import save_published

PAIRS = [(family, "bert") for family in ENCODERS] + [("bert", family) for family in DECODERS[1:]]
NATIVE = ("bart", "mbart", "t5", "marian")
HEADS, LAYERS = 4, 2


def draw_inputs(model) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "input_ids": torch.randint(8, 60, (3, 7)),
        "decoder_input_ids": torch.randint(8, 60, (3, 5)),
        "use_cache": False,
    }


def compute_logits(model, inputs) -> torch.Tensor:
    with torch.no_grad():
        return model(attention_mask=torch.ones_like(inputs["input_ids"]), **inputs).logits


def check_every_site(model, layers: int = LAYERS) -> None:
    sites, inputs = list_sites(model), draw_inputs(model)
    whole = compute_logits(model, inputs)
    with gated(sites, {site.name: torch.ones(site.heads) for site in sites}):
        assert torch.allclose(compute_logits(model, inputs), whole, atol=1e-6)
    for site in sites:
        gate = torch.ones(site.heads)
        gate[1] = 0
        with gated(sites, {site.name: gate}):
            closed = compute_logits(model, inputs)
        weight = site.output.weight.data
        kept = weight.clone()
        # transformers' Conv1D, of GPT-2, keeps its weight turned.
        columns = weight.T if type(site.output).__name__ == "Conv1D" else weight
        width = columns.shape[1] // site.heads
        columns[:, width : 2 * width] = 0
        expected = compute_logits(model, inputs)
        weight.copy_(kept)
        assert torch.allclose(closed, expected, atol=1e-5), site.name
        assert not torch.allclose(closed, whole, atol=1e-5), site.name
    assert torch.equal(compute_logits(model, inputs), whole)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_sites_of_a_pair_are_found_and_their_gates_close_heads(shaken_pair, pair):
    model = shaken_pair(*pair)
    sites = list_sites(model)
    encoder_layers = 1 if pair[0] == "albert" else LAYERS  # whose layers share their parameters
    expected = [("encoder", i) for i in range(encoder_layers)]
    expected += [(kind, i) for kind in ("decoder", "cross") for i in range(LAYERS)]
    assert [(site.kind, site.layer) for site in sites] == expected
    assert {site.heads for site in sites} == {HEADS}
    check_every_site(model)


@pytest.mark.parametrize("family", NATIVE)
def test_sites_of_published_encoder_decoders_are_found_and_their_gates_close_heads(tmp_path, family):
    model = read_published(save_published(tmp_path, family)).model
    shake(model, 0.1)
    assert [site.kind for site in list_sites(model)] == ["encoder"] * 2 + ["decoder"] * 2 + ["cross"] * 2
    check_every_site(model)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_implementation_makes_no_difference(shaken_pair, implementation):
    model = shaken_pair("bert", "bert")
    model.set_attn_implementation(implementation)
    check_every_site(model)


def test_rows_may_have_gates_of_their_own(shaken_pair):
    model = shaken_pair("bert", "gpt2")
    sites, inputs = list_sites(model), draw_inputs(model)
    gates = {site.name: torch.rand(3, site.heads) for site in sites}
    with gated(sites, gates):
        together = compute_logits(model, inputs)
    for row in range(3):
        with gated(sites, {name: values[row] for name, values in gates.items()}):
            alone = compute_logits(model, {k: v[row : row + 1] if torch.is_tensor(v) else v for k, v in inputs.items()})
        assert torch.allclose(together[row], alone[0], atol=1e-5)


def test_shared_layers_have_gates_on_either_side(shaken_pair, tiny_bert):
    sites = list_sites(warm_start(plan="bertshare", encoder=str(tiny_bert)).model)
    assert len(sites) == 6
    assert sites[0].output is not sites[2].output and sites[0].output.weight is sites[2].output.weight


def test_sites_of_a_decoder_that_is_no_model_of_its_own_are_found():
    shape = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 4}
    config = FSMTConfig(langs=["en", "de"], src_vocab_size=20, tgt_vocab_size=20, **shape, **heads)
    sites = list_sites(build_model(config, Sharing(embeddings=False, layers=False)))
    expected = [("encoder", 2), ("decoder", 4), ("decoder", 4), ("cross", 4), ("cross", 4)]
    assert [(site.kind, site.heads) for site in sites] == expected


@pytest.mark.parametrize("family", LOCAL_OR_SPARSE)
def test_sites_of_local_and_sparse_families_are_found_and_their_gates_close_heads(family):
    torch.manual_seed(0)
    model = build_model(LOCAL_OR_SPARSE[family], Sharing(embeddings=False, layers=False)).eval()
    shake(model, 0.1)
    assert [site.kind for site in list_sites(model)] == ["encoder"] * 2 + ["decoder"] * 2 + ["cross"] * 2
    check_every_site(model)


def test_model_without_a_known_attention_is_refused():
    class Unknown(torch.nn.Module):
        pass

    model = AutoModelForSeq2SeqLM.from_config(
        BartConfig(
            d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=8, decoder_ffn_dim=8, vocab_size=20, max_position_embeddings=8,
        )
    )  # fmt: skip
    model.model.encoder.layers[0].self_attn = Unknown()
    with pytest.raises(ValueError, match="where a bart keeps its encoder attention is not known"):
        list_sites(model)
