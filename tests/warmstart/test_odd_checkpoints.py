"""Checkpoints and options that are met rarely, where a wrong model would not show by itself."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModel, RobertaConfig, RobertaModel

from seq2seq import train_tokenizer, warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.text.tokenizers import encode_texts
from seq2seq.training.optimizers import build_optimizer
from seq2seq.training.options import TrainingOptions
from tests.conftest import build_description, save_bert
from tests.families import save_family

IDS = torch.tensor([[9, 10, 11, 12, 13]])


def change_config(folder, **changes) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return str(folder)


@pytest.fixture(scope="module")
def new_tokenizer(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("new")
    (folder / "text.txt").write_text("the big cat sat on the mat\na small dog ran\n" * 3)
    train_tokenizer([str(folder / "text.txt")], output=folder / "tokenizer", kind="wordpiece", size=50)
    return str(folder / "tokenizer")


@pytest.mark.parametrize("pad", [0, 3])
@pytest.mark.parametrize("convert", [True, False])
def test_roberta_counts_positions_from_its_own_pad_id(tmp_path, pad, convert):
    folder = save_family(tmp_path / "roberta", "roberta")
    config = RobertaConfig.from_pretrained(folder, pad_token_id=pad)
    torch.manual_seed(1)
    theirs = RobertaModel(config).eval()
    theirs.save_pretrained(folder)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).exists():
            tokens = list(Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab().items())
            token = next(token for token, index in tokens if index == pad)
            change = json.loads((folder / name).read_text()) | {"pad_token": token}
            (folder / name).write_text(
                json.dumps(change | ({"bos_token": "<mask>", "cls_token": "<mask>"} if pad == 0 else {}))
            )
    model = warm_start(plan="robertashare", encoder=str(folder), convert=convert).model
    with torch.no_grad():
        difference = model.encoder(input_ids=IDS).last_hidden_state - theirs(input_ids=IDS).last_hidden_state
    assert difference.abs().max() < 1e-5


@pytest.mark.parametrize("family", ["electra", "gpt2", "bert"])
def test_half_precision_named_in_the_config_still_gives_float32_masters(tmp_path, family):
    folder = change_config(save_family(tmp_path / family, family), dtype="float16", torch_dtype="float16")
    bert = change_config(save_bert(tmp_path / "encoder"), dtype="bfloat16")
    started = warm_start(plan="pair", encoder=bert, decoder=folder, convert=False)
    assert {parameter.dtype for parameter in started.model.parameters()} == {torch.float32}
    write_checkpoint(tmp_path / "checkpoint", started.model, started.tokenizers, build_description(started))
    again = read_checkpoint(tmp_path / "checkpoint").model
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}


@pytest.mark.parametrize(("encoder", "decoder"), [("bert", "gpt2"), ("deberta-v2", "roberta"), ("t5", "electra")])
def test_forms_of_return_and_of_computing_are_ours_to_set(tmp_path, encoder, decoder):
    """Neither changes a number: expected is the same pair without them."""
    folders = [save_family(tmp_path / encoder, encoder), save_family(tmp_path / decoder, decoder, head=True)]
    inputs = {"input_ids": IDS, "labels": IDS[:, :3]}
    losses = []
    for changes in ({}, {"return_dict": False, "chunk_size_feed_forward": 2, "output_hidden_states": True}):
        for folder in folders:
            change_config(folder, **changes)
        model = warm_start(plan="pair", encoder=str(folders[0]), decoder=str(folders[1]), convert=False).model
        losses.append(model(**inputs).objective.item())
    assert losses[0] == losses[1]


def test_states_that_are_part_of_wider_ones_can_be_read_by_gpt2(tmp_path):
    """Longformer fills sources up to its window and cuts its states; batched, these have gaps in memory."""
    folders = [save_family(tmp_path / "longformer", "longformer"), save_family(tmp_path / "gpt2", "gpt2", head=True)]
    model = warm_start(plan="pair", encoder=str(folders[0]), decoder=str(folders[1]), convert=False).model
    one, two = IDS, IDS + 1
    labels = IDS[:, :3]
    with torch.no_grad():
        alone = [model(input_ids=ids, labels=labels).objective.item() for ids in (one, two)]
        together = model(input_ids=torch.cat([one, two]), labels=torch.cat([labels, labels])).objective.item()
        written = model.generate(input_ids=torch.cat([one, two]), max_new_tokens=3)
    assert together == pytest.approx(sum(alone), rel=1e-5)
    assert len(written) == 2


def test_modernbert_keeps_its_first_layer_first(tmp_path):
    folder, bert = str(save_family(tmp_path / "m", "modernbert", num_hidden_layers=4)), str(save_bert(tmp_path / "b"))
    for choice in ([1, 3], "every 2", [3, 0]):
        with pytest.raises(WarmStartError, match="its first layer is built otherwise and has to stay the first"):
            warm_start(plan="pair", encoder=folder, decoder=bert, encoder_layers=choice)
    assert (
        warm_start(
            plan="pair", encoder=folder, decoder=bert, encoder_layers=[0, 3]
        ).model.config.encoder.num_hidden_layers
        == 2
    )


def test_t5_reads_the_bias_of_its_first_block_for_any_choice(tmp_path):
    folder, bert = (
        save_family(tmp_path / "t5", "t5", num_layers=4, num_decoder_layers=1),
        str(save_bert(tmp_path / "b")),
    )
    model = warm_start(plan="pair", encoder=str(folder), decoder=bert, encoder_layers=[1, 3]).model
    weights = load_file(folder / "model.safetensors")
    blocks = model.encoder.encoder.block
    bias = "layer.0.SelfAttention.relative_attention_bias.weight"
    assert torch.equal(blocks[0].get_parameter(bias), weights[f"encoder.block.0.{bias}"])
    query = "layer.0.SelfAttention.q.weight"
    assert torch.equal(blocks[1].get_parameter(query), weights[f"encoder.block.3.{query}"])


@pytest.mark.parametrize("family", ["bert", "electra"])
@pytest.mark.parametrize("convert", [True, False])
def test_relative_positions_are_refused_in_every_class(tmp_path, family, convert):
    folder = change_config(save_family(tmp_path / family, family), position_embedding_type="relative_key")
    with pytest.raises(WarmStartError, match="positions are 'relative_key', and transformers 5 builds"):
        warm_start(plan="pair", encoder=folder, decoder=str(save_bert(tmp_path / "b")), convert=convert)


def test_longest_source_of_a_rare_family_is_what_it_can_take(tmp_path):
    folder = save_family(tmp_path / "d", "data2vec-text", pad_token_id=1)
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    assert "[PAD]" in tokenizer["model"]["vocab"]
    with pytest.raises(WarmStartError, match="counts positions from pad id 1, and the tokenizer pads with 0"):
        warm_start(plan="pair", encoder=str(folder), decoder=str(save_bert(tmp_path / "b")))
    folder = save_family(tmp_path / "zero", "data2vec-text", pad_token_id=0)
    model = warm_start(plan="pair", encoder=str(folder), decoder=str(tmp_path / "b")).model
    longest = model.max_source_positions
    assert longest == config["max_position_embeddings"] - 1
    model.encoder(input_ids=torch.full((1, longest), 9))  # raises where a position has no row


def test_tokenizers_of_one_vocabulary_that_cut_differently_stay_apart(tmp_path):
    lower, cased = save_bert(tmp_path / "lower"), save_bert(tmp_path / "cased")
    layout = json.loads((cased / "tokenizer.json").read_text())
    layout["normalizer"]["lowercase"] = False
    (cased / "tokenizer.json").write_text(json.dumps(layout))
    settings = json.loads((cased / "tokenizer_config.json").read_text())
    (cased / "tokenizer_config.json").write_text(json.dumps(settings | {"do_lower_case": False}))
    pair = warm_start(plan="pair", encoder=str(lower), decoder=str(cased)).tokenizers
    ids = [encode_texts(tokenizer, ["The Cat"])[0] for tokenizer in (pair.source, pair.target)]
    assert ids[0] != ids[1]


def test_one_checkpoint_under_two_spellings_is_one(tmp_path):
    folder = save_bert(tmp_path / "bert")
    short, long = str(folder), f"{folder.parent}/../{folder.parent.name}/bert/"
    assert warm_start(plan="pair", encoder=short, decoder=long).model.sharing.embeddings
    assert warm_start(plan="bert2rnd", encoder=short, decoder=long).origin.totals()["initialised"] > 0


@pytest.mark.parametrize(("plan", "sides"), [("bert2gpt", ("bert", "gpt2")), ("rnd2gpt", ("gpt2", None))])
def test_new_vocabulary_of_a_gpt2_decoder_has_a_pad_without_a_row_to_begin_from(tmp_path, new_tokenizer, plan, sides):
    encoder, decoder = (side and str(save_family(tmp_path / side, side)) for side in sides)
    started = warm_start(plan=plan, encoder=encoder, decoder=decoder, target_tokenizer=new_tokenizer)
    assert started.model.config.decoder.vocab_size == 50
    table = next(row for row in started.origin.parameters if row.name == "decoder.transformer.wte.weight")
    assert "the mean of all" in table.note


def test_note_on_a_random_table_does_not_claim_carried_embeddings(tmp_path, new_tokenizer):
    folder = str(save_bert(tmp_path / "bert"))
    tokenizers = {"source_tokenizer": new_tokenizer, "target_tokenizer": new_tokenizer}
    assert warm_start(plan="rnd2rnd", encoder=folder, **tokenizers).origin.notes[0].endswith(", all random")
    notes = warm_start(plan="bert2rnd", encoder=folder, target_tokenizer=new_tokenizer).origin.notes
    assert [note.split(":")[0] for note in notes] == ["target vocabulary"]
    assert notes[0].endswith(", all random")


def test_vocabularies_that_options_split_need_not_fit(tmp_path, new_tokenizer):
    narrow, wide = save_bert(tmp_path / "bert"), save_family(tmp_path / "gpt2", "gpt2", width=48)
    started = warm_start(plan="rnd2gpt", encoder=str(narrow), decoder=str(wide), source_tokenizer=new_tokenizer)
    assert not started.model.sharing.embeddings
    assert started.model.enc_to_dec_proj.weight.shape == (48, 32)


def test_positions_of_an_unknown_family_are_not_extended_in_silence(tmp_path):
    folder, bert = str(save_family(tmp_path / "ernie", "ernie")), str(save_bert(tmp_path / "b"))
    with pytest.raises(WarmStartError, match="where a ernie model keeps its positions is not known here"):
        warm_start(plan="pair", encoder=folder, decoder=bert, max_positions=100)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2"])
def test_positions_of_a_deberta_that_adds_them_can_be_extended(tmp_path, family):
    changes = {"position_biased_input": True} | ({"position_buckets": -1} if family == "deberta-v2" else {})
    folder, bert = str(save_family(tmp_path / "d", family, **changes)), str(save_bert(tmp_path / "b"))
    model = warm_start(plan="pair", encoder=folder, decoder=bert, max_positions=100).model
    table = model.encoder.embeddings.position_embeddings.weight
    assert torch.equal(table[64:], table[:36])
    theirs = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        ours = model.encoder(input_ids=IDS).last_hidden_state
        assert torch.allclose(ours, theirs(input_ids=IDS).last_hidden_state, atol=1e-5)


def test_variants_beside_the_weights_are_not_read(tmp_path):
    folder = save_bert(tmp_path / "bert")
    plain = warm_start(plan="bert2bert", encoder=str(folder)).model
    shutil.copy(folder / "model.safetensors", tmp_path)
    zeros = {name: torch.zeros_like(value) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(zeros, folder / "model_fp16.safetensors")
    beside = warm_start(plan="bert2bert", encoder=str(folder)).model
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), beside.parameters(), strict=True))


def test_unused_tensors_of_both_checkpoints_are_listed(tmp_path):
    first, second = save_bert(tmp_path / "a"), save_bert(tmp_path / "b", seed=1)
    unused = warm_start(plan="pair", encoder=str(first), decoder=str(second), encoder_layers=[0]).origin.unused_tensors
    assert "encoder.layer.1.output.dense.weight" in unused


def test_optimizer_and_report_name_a_parameter_alike(tmp_path, new_tokenizer):
    folder = str(save_family(tmp_path / "camembert", "camembert"))
    started = warm_start(plan="rnd2rnd", encoder=folder, target_tokenizer=folder, convert=False)
    groups = started.origin.learning_rate_groups()
    optimizer = build_optimizer(started.model, groups, TrainingOptions(batch_examples=1, max_steps=1))
    assert {name for group in optimizer.param_groups for name in group["names"]} == set(groups)
