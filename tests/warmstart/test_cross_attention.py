"""The start of the encoder-decoder attention: random, copied from self-attention, or silent."""

import pytest
import torch
from transformers import GPT2LMHeadModel

from seq2seq import warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.families.family import CrossAttention, Partner
from seq2seq.warmstart.cross_attention import find_partner
from tests.conftest import save_bert, shake
from tests.families import DECODERS, save_family

SOURCES = torch.tensor([[9, 10, 11, 12], [20, 21, 22, 23]])
TARGETS = torch.tensor([[13, 14, 15], [13, 14, 15]])


def compute_logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=SOURCES, decoder_input_ids=TARGETS).logits


def start(tmp_path, family: str, how: str, **options):
    encoder, decoder = save_bert(tmp_path / "encoder"), save_family(tmp_path / "decoder", family, head=True)
    return warm_start(
        plan="pair", encoder=str(encoder), decoder=str(decoder), convert=False, cross_attention=how, **options
    )


@pytest.mark.parametrize("family", DECODERS)
def test_silent_start_gives_the_source_no_say_at_first(tmp_path, family):
    first, second = compute_logits(start(tmp_path, family, "silent").model)
    assert torch.allclose(first, second, atol=1e-5)
    first, second = compute_logits(start(tmp_path, family, "random").model)
    assert not torch.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("family", DECODERS)
def test_silent_attention_learns(tmp_path, family):
    model = start(tmp_path, family, "silent").model
    model(input_ids=SOURCES, labels=TARGETS).objective.backward()
    projections = [name for name, _ in model.named_parameters() if "crossattention.output.dense.weight" in name]
    projections += [name for name, _ in model.named_parameters() if "crossattention.c_proj.weight" in name]
    assert len(projections) == 2
    assert all(model.get_parameter(name).grad.abs().max() > 0 for name in projections)


def test_silent_gpt2_is_the_language_model_itself(tmp_path):
    model = start(tmp_path, "gpt2", "silent").model
    theirs = GPT2LMHeadModel.from_pretrained(tmp_path / "decoder").eval()
    with torch.no_grad():
        expected = theirs(input_ids=TARGETS).logits
    assert torch.allclose(compute_logits(model)[..., :-1], expected, atol=1e-5)  # ours has a pad row more


def test_silent_post_norm_layer_moves_the_states_half_as_far_as_a_plain_second_norm(minilm):
    # Six layers of real weights, 64 tokens: measured 0.22 of the states' norm, against 0.42 for weight one, bias zero.
    ids = torch.randint(1000, 30000, (4, 16), generator=torch.Generator().manual_seed(1))
    model = warm_start(plan="bert2bert", encoder=str(minilm), cross_attention="silent").model
    body, sources = model.decoder.bert, torch.zeros(4, 3, 384)

    def compute_change() -> float:
        with torch.no_grad():
            alone = body(input_ids=ids).last_hidden_state
            attending = body(input_ids=ids, encoder_hidden_states=sources).last_hidden_state
        return ((attending - alone).norm() / alone.norm()).item()

    with_ours = compute_change()
    for layer in body.encoder.layer:
        torch.nn.init.ones_(layer.crossattention.output.LayerNorm.weight)
        torch.nn.init.zeros_(layer.crossattention.output.LayerNorm.bias)
    assert with_ours < 0.6 * compute_change()


@pytest.mark.parametrize("convert", [True, False])
@pytest.mark.parametrize("plan", ["bert2bert", "bertshare"])
def test_copied_start_is_the_self_attention_of_the_layer(tmp_path, plan, convert):
    folder = save_bert(tmp_path / "bert")
    started = warm_start(plan=plan, encoder=str(folder), cross_attention="copied", convert=convert)
    for layer in started.model.decoder.bert.encoder.layer:
        own = dict(layer.attention.named_parameters())
        for name, parameter in layer.crossattention.named_parameters():
            assert torch.equal(parameter, own[name])
            assert parameter is not own[name]
    rows = [row for row in started.origin.parameters if row.part == "cross_attention"]
    assert {row.kind for row in rows} == {"copied"}
    assert rows[0].tensors == ("encoder.layer.0.attention.self.query.weight",)
    assert rows[0].note == "from the self-attention of its layer"


def test_copied_start_splits_the_matrix_of_gpt2(tmp_path):
    model = start(tmp_path, "gpt2", "copied").model
    for block in model.decoder.transformer.h:
        joined = torch.cat([block.crossattention.q_attn.weight, block.crossattention.c_attn.weight], dim=1)
        assert torch.equal(joined, block.attn.c_attn.weight)
        biases = torch.cat([block.crossattention.q_attn.bias, block.crossattention.c_attn.bias])
        assert torch.equal(biases, block.attn.c_attn.bias)
        assert torch.equal(block.crossattention.c_proj.weight, block.attn.c_proj.weight)
        assert torch.equal(block.ln_cross_attn.weight, block.ln_1.weight)


def test_copied_start_works_in_every_family_of_decoders(tmp_path):
    for family in DECODERS:
        (tmp_path / family).mkdir()
        started = start(tmp_path / family, family, "copied")
        assert {row.kind for row in started.origin.parameters if row.part == "cross_attention"} <= {
            "copied",
            "converted",
        }
        shake(started.model, 0.01)
        assert torch.isfinite(compute_logits(started.model)).all()


def test_copied_start_needs_a_warm_decoder(tiny_bert):
    with pytest.raises(
        WarmStartError, match="cross_attention: copied takes the numbers of the decoder's self-attention"
    ):
        warm_start(plan="bert2rnd", encoder=str(tiny_bert), cross_attention="copied")


def test_row_that_lacks_a_part_of_the_attention_to_the_source_is_named():
    known = CrossAttention(partners=(Partner("crossattention", "attention"),), output="crossattention.out")
    assert find_partner(known, "decoder.layer.0.crossattention.query.weight").like == "attention"
    with pytest.raises(WarmStartError, match=r"ln_cross\.weight is in none of the parts .* \(crossattention\)"):
        find_partner(known, "decoder.layer.0.ln_cross.weight")


def test_unknown_start_is_refused(tiny_bert):
    with pytest.raises(WarmStartError, match="cross_attention: input should be 'random', 'copied' or 'silent'"):
        warm_start(plan="bert2bert", encoder=str(tiny_bert), cross_attention="warm")
