"""One side from its checkpoint: exact conversion, own classes, layers, positions, nothing missing in silence."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertForMaskedLM, BertLMHeadModel, BertModel, RobertaForCausalLM, RobertaModel

from seq2seq import warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.warmstart.layers import choose_layers
from tests.conftest import save_bert, shake
from tests.families import save_family

IDS = torch.tensor([[9, 10, 11, 12, 13], [14, 15, 16, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
SHARING = {"bert": "bertshare", "roberta": "robertashare", "xlm-roberta": "robertashare", "camembert": "robertashare"}


def compute_states(model, ids=IDS, mask=MASK) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]


@pytest.fixture(scope="module", params=[(family, head) for family in SHARING for head in (False, True)], ids=str)
def published(request, tmp_path_factory):
    """A family's name and folder, without prefix and heads and with both."""
    family, head = request.param
    return family, save_family(tmp_path_factory.mktemp("published"), family, head=head)


@pytest.mark.parametrize("convert", [True, False])
def test_encoder_states_equal_those_of_the_own_class(published, convert):
    family, folder = published
    model = warm_start(plan=SHARING[family], encoder=str(folder), convert=convert).model
    assert model.config.encoder.model_type == ("bert-generation" if convert else family)
    theirs = AutoModel.from_pretrained(folder).eval()
    pads = IDS.masked_fill(MASK == 0, theirs.config.pad_token_id)
    assert (compute_states(model.encoder, pads) - compute_states(theirs, pads)).abs().max() < 1e-5


@pytest.mark.parametrize("convert", [True, False])
def test_decoder_without_source_is_the_causal_own_class(published, convert):
    family, folder = published
    model = warm_start(plan=SHARING[family], encoder=str(folder), convert=convert).model
    theirs = AutoModel.from_pretrained(folder, is_decoder=True).eval()
    ones = torch.ones_like(IDS[:1])
    ours = compute_states(model.decoder.base_model, IDS[:1], ones)
    assert (ours - compute_states(theirs, IDS[:1], ones)).abs().max() < 1e-5


@pytest.mark.parametrize(("family", "own_class"), [("bert", BertLMHeadModel), ("roberta", RobertaForCausalLM)])
def test_own_classes_keep_the_pre_trained_head_transform(tmp_path, family, own_class):
    folder = save_family(tmp_path / family, family, head=True)
    started = warm_start(plan="pair", encoder=str(folder), convert=False)
    theirs = own_class.from_pretrained(folder, is_decoder=True).eval()
    assert isinstance(started.model.decoder, own_class)
    with torch.no_grad():
        ours = started.model.decoder(input_ids=IDS[:1]).logits
        assert torch.allclose(ours, theirs(input_ids=IDS[:1]).logits, atol=1e-5)
    output = {row.name: row.kind for row in started.origin.parameters if row.part == "output"}
    assert set(output.values()) == {"copied", "shared"}


def test_own_classes_without_a_head_in_the_file_report_it_random(tiny_bert):
    started = warm_start(plan="bert2bert", encoder=str(tiny_bert), convert=False)
    kinds = {row.kind for row in started.origin.parameters if row.part == "output" and "transform" in row.name}
    assert kinds == {"random"}


def test_half_a_head_in_the_file_is_refused(tmp_path):
    folder = save_family(tmp_path / "bert", "bert", head=True)
    weights = load_file(folder / "model.safetensors")
    del weights["cls.predictions.transform.dense.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        WarmStartError, match=r"1 tensors .* not in the weights: cls\.predictions\.transform\.dense\.weight"
    ):
        warm_start(plan="bert2bert", encoder=str(folder), convert=False)


def test_missing_tensors_are_listed(tmp_path):
    folder = save_family(tmp_path / "deberta", "deberta")
    weights = {name: value for name, value in load_file(folder / "model.safetensors").items() if "layer.1." not in name}
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        WarmStartError, match=r"tensors that the plan copies .* encoder\.layer\.1\.attention\.self\.q_bias"
    ):
        warm_start(plan="pair", encoder=str(folder), decoder=str(save_bert(tmp_path / "bert")))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_are_float32_masters_whatever_the_file_holds(tmp_path, dtype):
    folder = save_family(tmp_path / "gpt2", "gpt2")
    weights = load_file(folder / "model.safetensors")
    save_file({name: value.to(dtype) for name, value in weights.items()}, folder / "model.safetensors")
    model = warm_start(plan="rnd2gpt", encoder=str(folder)).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.decoder.transformer.wpe.weight, weights["wpe.weight"].to(dtype).float())


@pytest.fixture(scope="module")
def deep_bert(tmp_path_factory):
    folder = save_bert(tmp_path_factory.mktemp("deep"), num_hidden_layers=6)
    model = BertModel.from_pretrained(folder)
    shake(model)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("choice", "layers"),
    [
        (3, [0, 1, 2]),
        ("every 2", [1, 3, 5]),
        ("every 3", [2, 5]),
        ("every 4", [1, 5]),
        ([0, 5], [0, 5]),
        (None, [0, 1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("convert", [True, False])
def test_chosen_layers_are_those_of_the_checkpoint(deep_bert, choice, layers, convert):
    started = warm_start(plan="bert2bert", encoder=str(deep_bert), decoder_layers=choice, convert=convert)
    weights = load_file(deep_bert / "model.safetensors")
    for position, layer in enumerate(layers):
        ours = started.model.decoder.bert.encoder.layer[position].output.dense.weight
        assert torch.equal(ours, weights[f"encoder.layer.{layer}.output.dense.weight"])
    assert len(started.model.decoder.bert.encoder.layer) == len(layers)
    assert len(started.model.encoder.encoder.layer) == 6
    row = next(
        row for row in started.origin.parameters if row.name == "decoder.bert.encoder.layer.1.output.dense.weight"
    )
    assert (row.kind, row.tensors) == ("copied", (f"encoder.layer.{layers[1]}.output.dense.weight",))


def test_words_that_name_no_layers_are_refused():
    with pytest.raises(WarmStartError, match="bert has 6 layers, counted from 0; 'each 2' were asked for."):
        choose_layers("each 2", 6, "bert")


def test_first_layers_alone_are_a_shorter_bert(deep_bert):
    model = warm_start(plan="bert2rnd", encoder=str(deep_bert), encoder_layers=2).model
    theirs = BertModel.from_pretrained(deep_bert, num_hidden_layers=2).eval()
    ids = IDS.masked_fill(MASK == 0, 0)
    assert (compute_states(model.encoder, ids) - compute_states(theirs, ids)).abs().max() < 1e-5


@pytest.mark.parametrize(
    "family", ["gpt2", "distilbert", "modernbert", "eurobert", "longformer", "mpnet", "deberta-v2"]
)
def test_layers_of_every_family_can_be_chosen(tmp_path, family):
    changes = {"attention_window": [4, 4, 8, 8]} if family == "longformer" else {}
    folder = save_family(tmp_path / family, family, num_hidden_layers=4, **changes)
    bert = str(save_bert(tmp_path / "bert"))
    side = "decoder" if family == "gpt2" else "encoder"
    pair = {"encoder": bert, "decoder": bert} | {side: str(folder)}
    started = warm_start(plan="pair", **pair, **{f"{side}_layers": [0, 3]})
    assert getattr(started.model.config, side).num_hidden_layers == 2
    used = " ".join(tensor for row in started.origin.parameters for tensor in row.tensors if row.part == side)
    assert (".3." in used, ".2." in used) == (True, False)


def test_shared_layers_are_chosen_once(deep_bert):
    model = warm_start(plan="bertshare", encoder=str(deep_bert), encoder_layers="every 2").model
    assert len(model.encoder.encoder.layer) == len(model.decoder.bert.encoder.layer) == 3
    with pytest.raises(WarmStartError, match=r"decoder_layers: plan bertshare shares the layers of both sides"):
        warm_start(plan="bertshare", encoder=str(deep_bert), decoder_layers=2)


@pytest.mark.parametrize("choice", [7, [0, 6], [1, 1], []])
def test_layers_that_the_checkpoint_has_not_are_refused(deep_bert, choice):
    with pytest.raises(WarmStartError, match="has 6 layers, counted from 0"):
        warm_start(plan="bert2bert", encoder=str(deep_bert), encoder_layers=choice)


@pytest.mark.parametrize("choice", ["every", "every 0", "second", 0, -1])
def test_choice_of_layers_that_is_none_is_refused(deep_bert, choice):
    with pytest.raises(WarmStartError, match="encoder_layers"):
        warm_start(plan="bert2bert", encoder=str(deep_bert), encoder_layers=choice)


def test_layers_that_share_their_parameters_cannot_be_chosen(tmp_path):
    folder, bert = str(save_family(tmp_path / "albert", "albert")), str(save_bert(tmp_path / "bert"))
    with pytest.raises(WarmStartError, match="its layers share their parameters, so only the first n can be kept"):
        warm_start(plan="pair", encoder=folder, decoder=bert, encoder_layers=[1])
    assert (
        warm_start(plan="pair", encoder=folder, decoder=bert, encoder_layers=1).model.config.encoder.num_hidden_layers
        == 1
    )


@pytest.mark.parametrize(
    ("family", "convert", "table", "first"),
    [
        ("bert", True, "encoder.embeddings.position_embeddings.weight", 0),
        ("roberta", True, "encoder.embeddings.position_embeddings.weight", 0),
        ("roberta", False, "encoder.embeddings.position_embeddings.weight", 2),
        ("electra", False, "encoder.embeddings.position_embeddings.weight", 0),
    ],
)
def test_position_table_is_repeated_and_its_beginning_unchanged(tmp_path, family, convert, table, first):
    folder = str(save_family(tmp_path / family, family))
    short = warm_start(plan="pair", encoder=folder, convert=convert)
    long = warm_start(plan="pair", encoder=folder, convert=convert, max_positions=150)
    old, new = short.model.get_parameter(table), long.model.get_parameter(table)
    assert torch.equal(new[: 64 + first], old)
    assert torch.equal(new[64 + first : 128 + first], old[first:])
    assert torch.equal(new[128 + first :], old[first : first + 22])  # 150 = 2 x 64 + 22
    assert (long.model.max_source_positions, long.model.max_target_positions) == (150, 150)
    row = next(row for row in long.origin.parameters if row.name == table)
    assert "64 positions repeated up to 150" in row.note
    assert compute_states(short.model.encoder).allclose(compute_states(long.model.encoder), atol=1e-6)
    ids = torch.randint(8, 60, (1, 150))
    assert torch.isfinite(compute_states(long.model.encoder, ids, torch.ones_like(ids))).all()


def test_longer_side_keeps_its_table(tmp_path):
    bert, gpt2 = save_bert(tmp_path / "bert"), save_family(tmp_path / "gpt2", "gpt2", max_position_embeddings=100)
    model = warm_start(plan="bert2gpt", encoder=str(bert), decoder=str(gpt2), max_positions=90).model
    assert (model.max_source_positions, model.max_target_positions) == (90, 100)


def test_fewer_positions_than_there_are_is_refused(tiny_bert):
    with pytest.raises(WarmStartError, match="max_positions: 32 is less than the checkpoints take already"):
        warm_start(plan="bert2bert", encoder=str(tiny_bert), max_positions=32)


def test_masked_language_model_and_bare_folder_start_the_same(tmp_path):
    folder = save_bert(tmp_path / "bert")
    model = BertForMaskedLM.from_pretrained(folder)
    model.save_pretrained(tmp_path / "mlm")
    for path in folder.glob("tok*"):
        (tmp_path / "mlm" / path.name).write_bytes(path.read_bytes())
    bare, prefixed = (warm_start(plan="bert2bert", encoder=str(path)).model for path in (folder, tmp_path / "mlm"))
    assert all(torch.equal(a, b) for a, b in zip(bare.parameters(), prefixed.parameters(), strict=True))


def test_roberta_as_published_is_a_roberta(tmp_path):
    folder = save_family(tmp_path / "roberta", "roberta", head=True)
    assert all(name.startswith(("roberta.", "lm_head.")) for name in load_file(folder / "model.safetensors"))
    table = RobertaModel.from_pretrained(folder).embeddings
    ours = warm_start(plan="robertashare", encoder=str(folder)).model.encoder.embeddings
    expected = table.position_embeddings.weight[2:] + table.token_type_embeddings.weight[0]
    assert torch.equal(ours.position_embeddings.weight, expected)
