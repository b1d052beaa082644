"""The warm start: exact against BertModel, every parameter accounted for, nothing left random in silence."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertForMaskedLM, BertModel, BertTokenizer

from seq2seq import warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.text.tokenizers import encode_texts
from tests.conftest import build_bert_config, save_bert

BERT_PLANS = ("rnd2rnd", "bert2rnd", "rnd2bert", "bert2bert", "bertshare")
IDS = torch.tensor([[6, 7, 8, 9, 10], [11, 12, 13, 0, 0]])
MASK = IDS.ne(0).long()


def largest_difference(model, bert, ids, mask) -> float:
    with torch.no_grad():
        ours = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        theirs = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    return ((ours - theirs) * mask[..., None]).abs().max().item()


@pytest.mark.parametrize("plan", ["bert2rnd", "bert2bert", "bertshare"])
def test_encoder_states_equal_bert(tiny_bert, plan):
    model = warm_start(plan=plan, encoder=str(tiny_bert)).model
    assert largest_difference(model, BertModel.from_pretrained(tiny_bert).eval(), IDS, MASK) < 1e-5


@pytest.mark.parametrize("plan", ["bert2rnd", "bert2bert", "bertshare"])
def test_encoder_states_equal_bert_on_real_weights(minilm, plan):
    ids = torch.randint(1000, 30000, (4, 50), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(50)[None] < torch.tensor([50, 31, 7, 1])[:, None]
    model = warm_start(plan=plan, encoder=str(minilm)).model
    assert largest_difference(model, BertModel.from_pretrained(minilm).eval(), ids, mask.long()) < 1e-5


@pytest.mark.parametrize("plan", BERT_PLANS)
def test_sources_get_the_marks_of_the_pre_training_unless_told_otherwise(tiny_bert, plan):
    text = "the cat sat on the [SEP] mat"
    ids = [2, *BertTokenizer.from_pretrained(tiny_bert)(text, split_special_tokens=True).input_ids[1:-1], 3]
    marked, bare = (warm_start(plan=plan, encoder=str(tiny_bert), source_marks=marks) for marks in (True, False))
    assert warm_start(plan=plan, encoder=str(tiny_bert)).framing == marked.framing
    assert marked.framing.frame_source(encode_texts(marked.tokenizers.source, [text])[0], 64) == (ids, False)
    assert bare.framing.frame_source(encode_texts(bare.tokenizers.source, [text])[0], 64) == (ids[1:-1], False)


def test_framed_sources_are_what_the_published_tokenizer_gives_on_real_weights(minilm):
    text = "The city's oldest bridge, 1874."
    started = warm_start(plan="bert2bert", encoder=str(minilm))
    ids, _ = started.framing.frame_source(encode_texts(started.tokenizers.source, [text])[0], 64)
    assert ids == AutoTokenizer.from_pretrained(minilm)(text, truncation=False, padding=False).input_ids


def test_decoder_without_source_equals_a_causal_bert(tiny_bert):
    model = warm_start(plan="bert2bert", encoder=str(tiny_bert)).model
    bert = BertModel.from_pretrained(tiny_bert, is_decoder=True).eval()
    with torch.no_grad():
        ours = model.decoder.bert(input_ids=IDS[:1]).last_hidden_state
        theirs = bert(input_ids=IDS[:1]).last_hidden_state
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_token_types_are_folded_into_the_positions(tiny_bert):
    weights = load_file(tiny_bert / "model.safetensors")
    embeddings = warm_start(plan="bert2bert", encoder=str(tiny_bert)).model.encoder.embeddings
    expected = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    assert torch.equal(embeddings.position_embeddings.weight, expected)
    assert torch.equal(embeddings.word_embeddings.weight, weights["embeddings.word_embeddings.weight"])


def test_checkpoint_with_prefix_heads_and_old_names_starts_the_same(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "old")
    weights = load_file(tiny_bert / "model.safetensors")
    renamed = {f"bert.{name.replace('LayerNorm.weight', 'LayerNorm.gamma')}": value for name, value in weights.items()}
    save_file(renamed | {"cls.predictions.bias": torch.ones(3)}, tmp_path / "old" / "model.safetensors")
    old, new = (warm_start(plan="bert2bert", encoder=str(folder)) for folder in (tmp_path / "old", tiny_bert))
    assert all(torch.equal(a, b) for a, b in zip(old.model.parameters(), new.model.parameters(), strict=True))
    assert "cls.predictions.bias" in old.origin.unused_tensors


def test_masked_language_model_folder_starts(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "mlm")
    bert = BertForMaskedLM(
        build_bert_config(len(json.loads((tiny_bert / "tokenizer.json").read_text())["model"]["vocab"]))
    )
    bert.save_pretrained(tmp_path / "mlm")
    model = warm_start(plan="bert2bert", encoder=str(tmp_path / "mlm")).model
    assert largest_difference(model, bert.bert.eval(), IDS, MASK) < 1e-5


def test_bin_weights_are_read_as_plain_tensors(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "bin")
    torch.save(load_file(tmp_path / "bin" / "model.safetensors"), tmp_path / "bin" / "pytorch_model.bin")
    (tmp_path / "bin" / "model.safetensors").unlink()
    old, new = (warm_start(plan="bertshare", encoder=str(folder)) for folder in (tmp_path / "bin", tiny_bert))
    assert all(torch.equal(a, b) for a, b in zip(old.model.parameters(), new.model.parameters(), strict=True))


def test_half_precision_weights_become_float32(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "half")
    halved = {name: value.bfloat16() for name, value in load_file(tiny_bert / "model.safetensors").items()}
    save_file(halved, tmp_path / "half" / "model.safetensors")
    model = warm_start(plan="bert2bert", encoder=str(tmp_path / "half")).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("plan", "initialised"),
    # Per side: layers 2 x 8,544, positions 64 x 32, norm 64; table 72 x 32.
    [("rnd2rnd", 0), ("bert2rnd", "side"), ("rnd2bert", "side"), ("bert2bert", "both"), ("bertshare", "side")],
)
def test_origin_counts_what_the_plan_warms(tiny_bert, plan, initialised):
    started = warm_start(plan=plan, encoder=str(tiny_bert))
    table = started.model.encoder.embeddings.word_embeddings.weight.numel()
    layer = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 2 * 64
    side = 2 * layer + 64 * 32 + 64
    expected = {0: 0, "side": side + table, "both": 2 * side + table}[initialised]
    totals = started.origin.totals()
    assert totals["initialised"] == expected
    assert totals["total"] == sum(parameter.numel() for parameter in started.model.parameters())
    assert totals["initialised"] + totals["random"] == totals["total"]


def test_origin_names_every_parameter_once(tiny_bert):
    started = warm_start(plan="bertshare", encoder=str(tiny_bert))
    names = [name for name, _ in started.model.named_parameters(remove_duplicate=False)]
    assert [parameter.name for parameter in started.origin.parameters] == names


@pytest.mark.parametrize("plan", BERT_PLANS)
def test_copied_parameters_hold_the_tensor_they_name(tiny_bert, plan):
    started = warm_start(plan=plan, encoder=str(tiny_bert))
    weights = load_file(tiny_bert / "model.safetensors")
    parameters = dict(started.model.named_parameters(remove_duplicate=False))
    copied = [row for row in started.origin.parameters if row.kind == "copied"]
    assert all(torch.equal(parameters[row.name], weights[row.tensors[0]]) for row in copied)
    assert bool(copied) == (plan != "rnd2rnd")


def test_random_parameters_follow_the_seed(tiny_bert):
    first, same, other = (warm_start(plan="bert2rnd", encoder=str(tiny_bert), seed=seed).model for seed in (1, 1, 2))
    query = "decoder.bert.encoder.layer.0.attention.self.query.weight"
    assert torch.equal(first.get_parameter(query), same.get_parameter(query))
    assert not torch.equal(first.get_parameter(query), other.get_parameter(query))


def test_warm_start_leaves_the_callers_random_state_alone(tiny_bert):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    warm_start(plan="rnd2rnd", encoder=str(tiny_bert))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("dropout", [None, 0.0, 0.3])
def test_dropout_is_the_checkpoints_own_unless_given(tiny_bert, dropout):
    model = warm_start(plan="bert2bert", encoder=str(tiny_bert), dropout=dropout).model
    expected = 0.1 if dropout is None else dropout
    assert model.decoder.bert.encoder.layer[1].output.dropout.p == expected
    assert model.encoder.embeddings.dropout.p == expected


def test_missing_tensors_are_named(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "cut")
    weights = load_file(tiny_bert / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "cut" / "model.safetensors")
    with pytest.raises(
        WarmStartError, match=r"1 tensors that the plan copies .* encoder\.layer\.1\.output\.dense\.weight"
    ):
        warm_start(plan="bert2bert", encoder=str(tmp_path / "cut"))


def test_weights_of_another_shape_than_the_config_are_refused(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "odd")
    config = json.loads((tmp_path / "odd" / "config.json").read_text())
    (tmp_path / "odd" / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(WarmStartError, match="do not belong together"):
        warm_start(plan="bert2bert", encoder=str(tmp_path / "odd"))


def test_another_family_is_refused(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "electra")
    config = json.loads((tmp_path / "electra" / "config.json").read_text())
    (tmp_path / "electra" / "config.json").write_text(json.dumps(config | {"model_type": "electra"}))
    with pytest.raises(
        WarmStartError, match="model.encoder: .*plan bert2bert takes a bert checkpoint here, found model_type 'electra'"
    ):
        warm_start(plan="bert2bert", encoder=str(tmp_path / "electra"))


def test_relative_positions_are_refused(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "relative")
    config = json.loads((tmp_path / "relative" / "config.json").read_text())
    changed = config | {"position_embedding_type": "relative_key"}
    (tmp_path / "relative" / "config.json").write_text(json.dumps(changed))
    with pytest.raises(WarmStartError, match="transformers 5 builds this family with absolute ones alone"):
        warm_start(plan="bert2bert", encoder=str(tmp_path / "relative"))


def test_unknown_plan_is_refused(tiny_bert):
    with pytest.raises(WarmStartError, match=r"plan: input should be 'rnd2rnd', .* \(found: 'bert3bert'\)"):
        warm_start(plan="bert3bert", encoder=str(tiny_bert))


def test_sharing_plan_takes_one_checkpoint(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other", seed=1)
    with pytest.raises(WarmStartError, match="shares one checkpoint's parameters"):
        warm_start(plan="bertshare", encoder=str(tiny_bert), decoder=str(other))


def test_two_checkpoints_with_different_embeddings_are_refused(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other", seed=1)
    with pytest.raises(WarmStartError, match="different word embeddings"):
        warm_start(plan="bert2bert", encoder=str(tiny_bert), decoder=str(other))


def test_two_checkpoints_of_different_width_are_refused(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other", hidden_size=48)
    with pytest.raises(WarmStartError, match="is 32 wide and .* 48"):
        warm_start(plan="rnd2bert", encoder=str(tiny_bert), decoder=str(other))


def test_two_vocabularies_are_refused(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other")
    layout = json.loads((other / "tokenizer.json").read_text())
    vocabulary = layout["model"]["vocab"]
    vocabulary["cat"], vocabulary["dog"] = vocabulary["dog"], vocabulary["cat"]
    (other / "tokenizer.json").write_text(json.dumps(layout))
    with pytest.raises(WarmStartError, match="different vocabularies"):
        warm_start(plan="bert2bert", encoder=str(tiny_bert), decoder=str(other))


def test_decoder_may_be_deeper_than_a_random_encoder(tiny_bert, tmp_path):
    deep = save_bert(tmp_path / "deep", num_hidden_layers=3)
    model = warm_start(plan="rnd2bert", encoder=str(tiny_bert), decoder=str(deep)).model
    assert (len(model.encoder.encoder.layer), len(model.decoder.bert.encoder.layer)) == (2, 3)


def test_tokens_without_an_embedding_are_refused(tiny_bert, tmp_path):
    folder = save_bert(tmp_path / "grown")
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] = weights["embeddings.word_embeddings.weight"][:-2].contiguous()
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": config["vocab_size"] - 2}))
    with pytest.raises(WarmStartError, match="the tokenizer gives ids up to"):
        warm_start(plan="bert2bert", encoder=str(folder))


def test_decoder_that_the_plan_would_not_use_is_refused(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other")
    with pytest.raises(WarmStartError, match="draws its decoder at random.* would not be used"):
        warm_start(plan="bert2rnd", encoder=str(tiny_bert), decoder=str(other))


def test_tables_of_different_sizes_are_refused(tiny_bert, tmp_path):
    padded = save_bert(tmp_path / "padded", vocab_size=128)
    with pytest.raises(WarmStartError, match="rows of embeddings and .* 128; plan bert2bert uses one table"):
        warm_start(plan="bert2bert", encoder=str(tiny_bert), decoder=str(padded))


def test_pad_row_is_the_tokenizers_wherever_it_stands(tmp_path):
    folder = save_bert(tmp_path / "bert")
    layout = (folder / "tokenizer.json").read_text().replace("[PAD]", "[TMP]").replace("[MASK]", "[PAD]")
    (folder / "tokenizer.json").write_text(layout.replace("[TMP]", "[MASK]"))
    started = warm_start(plan="bert2bert", encoder=str(folder))
    assert started.framing.pad_id == 4
    assert started.model.encoder.embeddings.word_embeddings.padding_idx == 4
    assert started.model.decoder.bert.embeddings.word_embeddings.padding_idx == 4
