"""Pairs that transformers saved: plain ones, those that version 4 saved shared, and files that do not fit.

Expected logits are those of the model before it was saved; expected texts are those of plain transformers.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, EncoderDecoderModel

import seq2seq
from seq2seq.base.errors import CheckpointError, GenerationError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.modeling.sharing import Sharing, map_shared_names
from tests.conftest import build_description, save_bert, shake
from tests.families import save_family
from tests.published import save_published

TEXTS = ["the cat sat on the mat.", "a dog, and a bird!", "the un##ed sea", "fish swam", "a small red cat ran"]
TABLE, HEAD = "decoder.bert.embeddings.word_embeddings.weight", "decoder.cls.predictions.decoder.weight"
LAYERS = "the layers of both sides"
IDS = {"input_ids": torch.tensor([[2, 8, 9, 3]]), "decoder_input_ids": torch.tensor([[2, 10, 11]])}


def build_pair(tiny_bert: Path, decoder: Path | None = None) -> EncoderDecoderModel:
    """A plain pair of BERT, its marks set as transformers' documentation has it."""
    torch.manual_seed(0)
    model = EncoderDecoderModel.from_encoder_decoder_pretrained(str(tiny_bert), str(decoder or tiny_bert))
    marks = {"decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    for name, value in marks.items():
        setattr(model.config, name, value)
    model.generation_config.update(**marks)
    return model.eval()


@pytest.fixture
def pair(tiny_bert) -> EncoderDecoderModel:
    """A pair whose sides differ everywhere."""
    model = build_pair(tiny_bert)
    shake(model, 0.1)
    return model


@pytest.fixture
def shared_pair(pair) -> EncoderDecoderModel:
    """A pair whose decoder has the encoder's parameters, cross-attention and head apart, as version 4 tied them."""
    for name, parameter in pair.encoder.named_parameters():
        if not name.startswith("pooler."):
            *path, last = name.split(".")
            setattr(pair.decoder.bert.get_submodule(".".join(path)), last, parameter)
    pair.decoder.cls.predictions.decoder.weight = pair.encoder.get_input_embeddings().weight
    return pair


def save(
    model: EncoderDecoderModel, folder: Path, tiny_bert: Path, *, tie: bool, drop: Iterable[str] = (), binary=False
) -> Path:
    """Writes a pair as version 4 did, without the names `drop`; `tie` marks config.json."""
    folder.mkdir()
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | {"tie_encoder_decoder": tie}
    for side in ("encoder", "decoder"):
        config[side]["tie_encoder_decoder"] = tie
    (folder / "config.json").write_text(json.dumps(config))
    model.generation_config.save_pretrained(folder)
    weights = {name: tensor for name, tensor in model.state_dict().items() if name not in drop}
    if binary:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file({name: tensor.clone() for name, tensor in weights.items()}, folder / "model.safetensors")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


def write_plainly(folder: Path) -> list[str]:
    model, tokenizer = EncoderDecoderModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    ids = model.generate(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=12)
    # Word pieces are joined as version 4 did without being asked: "don't", not "don ' t".
    texts = tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=True)
    return [text.strip() for text in texts]


def list_twice(model: EncoderDecoderModel) -> list[str]:
    """Names under which the encoder's parameters stand in the decoder."""
    return [f"decoder.bert.{name}" for name, _ in model.encoder.named_parameters() if not name.startswith("pooler.")]


def test_plain_pair_writes_what_plain_transformers_writes(pair, tiny_bert, tmp_path):
    pair.save_pretrained(tmp_path / "pair")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "pair")
    texts = write_plainly(tmp_path / "pair")
    assert seq2seq.generate(tmp_path / "pair", TEXTS, num_beams=1, max_target_tokens=12) == texts
    assert len(set(texts)) > 2


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_generation_config_that_cannot_be_read_is_refused(pair, tiny_bert, tmp_path, content):
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    (folder / "generation_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"pair: generation_config\.json cannot be read \("):
        read_checkpoint(folder)


@pytest.mark.parametrize("verb", ["generate", "export"])
def test_generation_config_that_contradicts_itself_is_refused(pair, tiny_bert, tmp_path, verb):
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(config | {"min_length": 200, "max_length": 20}))
    with pytest.raises(GenerationError, match="min_target_tokens"):
        if verb == "generate":
            seq2seq.generate(folder, TEXTS)
        else:
            seq2seq.export(folder, output=tmp_path / "out", format="transformers")


def test_marks_of_a_plain_pair_stand_around_sources_and_once_at_targets(pair, tiny_bert, tmp_path):
    framing = read_checkpoint(save(pair, tmp_path / "pair", tiny_bert, tie=False)).framing
    assert (framing.source_prefix, framing.source_suffix) == ((2,), (3,))
    assert (framing.begin_id, framing.target_prefix, framing.end_id) == (2, (), 3)


def test_plain_pair_shares_nothing(pair, tiny_bert, tmp_path):
    loaded = read_checkpoint(save(pair, tmp_path / "pair", tiny_bert, tie=False))
    assert (loaded.shared, loaded.model.sharing) == (None, Sharing(embeddings=False, layers=False))
    assert loaded.unused_tensors == ("encoder.pooler.dense.bias", "encoder.pooler.dense.weight")


def test_pair_fresh_from_one_checkpoint_shares_nothing(tiny_bert, tmp_path):
    loaded = read_checkpoint(save(build_pair(tiny_bert), tmp_path / "pair", tiny_bert, tie=False))
    assert loaded.shared is None


@pytest.mark.parametrize("lacking", ["decoder", "encoder", "mixed"])
@pytest.mark.parametrize("tie", [True, False], ids=["marked", "unmarked"])
def test_layers_that_version_4_saved_once_are_shared_again(shared_pair, tiny_bert, tmp_path, lacking, tie):
    twice = list_twice(shared_pair)
    first = [name.replace("decoder.bert.", "encoder.") for name in twice]
    dropped = {"decoder": twice, "encoder": first, "mixed": twice[::2] + first[1::2]}[lacking]
    loaded = read_checkpoint(save(shared_pair, tmp_path / "pair", tiny_bert, tie=tie, drop=[*dropped, HEAD]))
    assert (loaded.shared, loaded.model.sharing) == (LAYERS, Sharing(embeddings=True, layers=True))
    assert set(twice) < set(map_shared_names(loaded.model))
    assert torch.equal(loaded.model(**IDS).logits, shared_pair(**IDS).logits)


def test_both_names_in_an_old_file_are_shared_again_where_the_config_says_so(shared_pair, tiny_bert, tmp_path):
    loaded = read_checkpoint(save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, binary=True))
    assert loaded.shared == LAYERS
    assert set(list_twice(shared_pair)) < set(map_shared_names(loaded.model))
    assert torch.equal(loaded.model(**IDS).logits, shared_pair(**IDS).logits)
    assert loaded.unused_tensors == ("encoder.pooler.dense.bias", "encoder.pooler.dense.weight")


def test_sharing_that_was_restored_is_reported(shared_pair, tiny_bert, tmp_path, capsys):
    seq2seq.load_checkpoint(save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, binary=True))
    assert "was saved with the layers of both sides shared; they are shared here again" in " ".join(
        capsys.readouterr().err.split()
    )


def test_shared_layers_count_once_in_the_origin_report(shared_pair, tiny_bert, tmp_path):
    folder = save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, binary=True)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    assert started.origin.totals()["total"] == sum(parameter.numel() for parameter in started.model.parameters())
    assert started.origin.count("random") == 0


def test_healed_pair_is_written_whole_for_plain_transformers(shared_pair, tiny_bert, tmp_path):
    twice = list_twice(shared_pair)
    folder = save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, drop=twice)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=1))
    assert torch.equal(
        EncoderDecoderModel.from_pretrained(tmp_path / "ckpt").eval()(**IDS).logits, shared_pair(**IDS).logits
    )
    assert read_checkpoint(tmp_path / "ckpt").model.sharing == Sharing(embeddings=True, layers=True)
    assert seq2seq.generate(tmp_path / "ckpt", TEXTS) == write_plainly(tmp_path / "ckpt")


def test_table_that_one_side_lacks_is_shared_alone(pair, tiny_bert, tmp_path):
    table = pair.encoder.get_input_embeddings().weight
    pair.decoder.bert.embeddings.word_embeddings.weight = pair.decoder.cls.predictions.decoder.weight = table
    loaded = read_checkpoint(save(pair, tmp_path / "pair", tiny_bert, tie=False, drop=[TABLE, HEAD]))
    assert loaded.shared == "the embedding tables of both sides"
    assert loaded.model.sharing == Sharing(embeddings=True, layers=False)
    assert torch.equal(loaded.model(**IDS).logits, pair(**IDS).logits)


def test_table_is_shared_between_sides_of_different_depth(tiny_bert, tmp_path):
    pair = build_pair(tiny_bert, decoder=save_bert(tmp_path / "shallow", num_hidden_layers=1))
    loaded = read_checkpoint(save(pair, tmp_path / "pair", tiny_bert, tie=False, drop=[TABLE, HEAD]))
    assert loaded.model.sharing == Sharing(embeddings=True, layers=False)


def test_tensor_missing_on_both_sides_is_refused(shared_pair, tiny_bert, tmp_path):
    lost = "encoder.layer.0.output.dense.bias"
    drop = [f"encoder.{lost}", f"decoder.bert.{lost}"]
    folder = save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, drop=drop)
    with pytest.raises(CheckpointError, match=f"2 tensors are not in the weights: encoder.{lost}, decoder.bert.{lost}"):
        read_checkpoint(folder)


def test_tensor_missing_on_one_of_two_unlike_sides_is_refused(pair, tiny_bert, tmp_path):
    lost = "decoder.bert.encoder.layer.0.output.dense.bias"
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False, drop=[lost])
    with pytest.raises(CheckpointError, match=f"1 tensors are not in the weights: {lost} .found"):
        read_checkpoint(folder)


def test_cross_attention_is_never_taken_from_elsewhere(shared_pair, tiny_bert, tmp_path):
    drop = [name for name in shared_pair.state_dict() if "crossattention" in name]
    folder = save(shared_pair, tmp_path / "pair", tiny_bert, tie=True, drop=drop)
    with pytest.raises(CheckpointError, match="20 tensors are not in the weights"):
        read_checkpoint(folder)


def test_tied_names_with_two_values_are_refused(pair, tiny_bert, tmp_path):
    pair.decoder.cls.predictions.decoder.weight = torch.nn.Parameter(
        torch.zeros_like(pair.decoder.bert.embeddings.word_embeddings.weight)
    )
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    with pytest.raises(CheckpointError, match="their values differ in the weights. Set tie_word_embeddings to false"):
        read_checkpoint(folder)


def test_tensor_of_another_shape_is_refused(pair, tiny_bert, tmp_path):
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    config = json.loads((folder / "config.json").read_text())
    config["decoder"]["intermediate_size"] = 48
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        CheckpointError, match=r"intermediate.dense.weight has shape \(64, 32\), config.json asks for \(48,"
    ):
        read_checkpoint(folder)


@pytest.mark.parametrize("config", ["{", '{"model_type": "no such"}', '{"model_type": "bart", "d_model": "wide"}'])
def test_config_that_cannot_be_read_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="config.json cannot be read"):
        read_checkpoint(tmp_path)


def test_mark_that_stands_nowhere_is_refused(pair, tiny_bert, tmp_path):
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    for name in ("config.json", "generation_config.json"):
        values = json.loads((folder / name).read_text())
        values.pop("eos_token_id", None)
        (folder / name).write_text(json.dumps(values))
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"sep_token": None}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="neither config nor tokenizer gives eos_token_id"):
        read_checkpoint(folder)


# What the generation config forces, and decoders whose output layer comes before their table.


def test_forced_first_token_goes_before_what_the_tokenizer_puts_there(pair, tiny_bert, tmp_path):
    folder = save(pair, tmp_path / "pair", tiny_bert, tie=False)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(config | {"forced_bos_token_id": 9}))
    assert read_checkpoint(folder).framing.target_prefix == (9,)
    assert seq2seq.generate(folder, TEXTS, num_beams=1, max_target_tokens=12) == write_plainly(folder)


def test_forced_first_token_of_a_pair_of_bert_generation_is_written(tmp_path):
    (tmp_path / "one").mkdir()
    folder = save_family(tmp_path / "one", "bert-generation")
    pair = EncoderDecoderModel.from_encoder_decoder_pretrained(str(folder), str(folder)).eval()
    shake(pair, 0.1)
    marks = {"decoder_start_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "forced_bos_token_id": 9}
    pair.generation_config.update(**marks)
    pair.save_pretrained(tmp_path / "pair")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "pair")
    assert read_checkpoint(tmp_path / "pair").framing.target_prefix == (9,)


def test_decoder_whose_output_layer_comes_before_its_table_keeps_its_own_table(tmp_path):
    (tmp_path / "one").mkdir()
    folder = save_family(tmp_path / "one", "xlm-roberta", head=True)
    pair = EncoderDecoderModel.from_encoder_decoder_pretrained(str(folder), str(folder)).eval()
    shake(pair, 0.1)
    marks = {"decoder_start_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    pair.generation_config.update(**marks)
    pair.save_pretrained(tmp_path / "pair")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "pair")
    loaded = read_checkpoint(tmp_path / "pair")
    assert loaded.model.sharing == Sharing(embeddings=False, layers=False)
    assert torch.equal(loaded.model(**IDS).logits, pair(**IDS).logits)


@pytest.mark.parametrize(("asked", "written"), [({}, "de_DE"), ({"target_language": "fr_XX"}, "fr_XX")])
def test_forced_language_of_mbart_is_written_behind_the_begin_unless_another_is_asked_for(asked, written, tmp_path):
    # As transformers' run_translation.py leaves mBART: the language both to begin with and forced.
    save_published(tmp_path, "mbart")
    german = AutoTokenizer.from_pretrained(tmp_path).convert_tokens_to_ids("de_DE")
    values = json.loads((tmp_path / "generation_config.json").read_text()) | {"forced_bos_token_id": german}
    (tmp_path / "generation_config.json").write_text(json.dumps(values))
    loaded = read_checkpoint(tmp_path, **asked)
    language = loaded.tokenizers.target.convert_tokens_to_ids(written)
    assert (loaded.framing.begin_id, loaded.framing.target_prefix) == (language, (language,))
    assert loaded.model.generation_config.forced_bos_token_id == language
    if not asked:
        model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        ids = model.generate(**tokenizer(TEXTS, return_tensors="pt", padding=True))
        texts = [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
        assert seq2seq.generate(tmp_path, TEXTS) == texts
