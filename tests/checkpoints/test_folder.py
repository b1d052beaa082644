"""Checkpoint folders: whole or absent, loaded by plain transformers, writing the same text there."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, EncoderDecoderModel

from seq2seq import warm_start
from seq2seq.base.errors import CheckpointError
from seq2seq.checkpoints import folder as folder_module
from seq2seq.checkpoints.folder import (
    TrainingFiles,
    check_manifest,
    load_training_files,
    read_checkpoint,
    remove_checkpoint,
    write_checkpoint,
)
from seq2seq.engines.options import GenerationOptions
from seq2seq.modeling.sharing import map_shared_names
from tests.conftest import build_description, build_generator, shake

TEXTS = ["the cat sat on the mat.", "[SEP] a dog, and a bird!", "the un##ed sea", "fish don't swim"]


@pytest.fixture(
    scope="module",
    params=[("bert2bert", True), ("bert2bert", False), ("bertshare", False), ("rnd2bert", True)],
    ids=lambda param: f"{param[0]}-{'marked' if param[1] else 'bare'}",
)
def original(request, tiny_bert, tmp_path_factory):
    """A shaken model and the folder it was written to; neither is to be changed."""
    plan, source_marks = request.param
    started = warm_start(plan=plan, encoder=str(tiny_bert), source_marks=source_marks)
    shake(started.model)
    folder = tmp_path_factory.mktemp("original") / "ckpt"
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started, num_beams=3))
    return started, folder


@pytest.fixture
def written(original, tmp_path):
    """The model, and a copy of the folder."""
    started, folder = original
    return started, Path(shutil.copytree(folder, tmp_path / "ckpt"))


def write_with_plain_transformers(folder, texts) -> list[str]:
    model, tokenizer = EncoderDecoderModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = model.generate(**tokenizer(texts, return_tensors="pt", padding=True))
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def write_with_ours(folder, texts) -> list[str]:
    loaded = read_checkpoint(folder)
    options = GenerationOptions(**loaded.description.generation)
    return build_generator(loaded, options).generate(texts).texts


def test_plain_transformers_writes_the_same_texts(written):
    _, folder = written
    theirs = write_with_plain_transformers(folder, TEXTS)
    assert theirs == write_with_ours(folder, TEXTS)
    assert len(set(theirs)) > 1


@pytest.mark.parametrize(
    "options",
    [
        {"min_target_tokens": 6, "num_beams": 1},
        {"repetition_penalty": 1.7, "no_repeat_ngram_size": 2},
        {"length_penalty": 0.2, "num_beams": 4},
    ],
)
def test_plain_transformers_writes_the_same_texts_under_any_options_of_the_search(tiny_bert, tmp_path, options):
    started = warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, **options))
    assert write_with_plain_transformers(tmp_path / "ckpt", TEXTS) == write_with_ours(tmp_path / "ckpt", TEXTS)


def test_plain_transformers_samples_where_the_checkpoint_does(tiny_bert, tmp_path):
    started = warm_start(plan="bert2bert", encoder=str(tiny_bert))
    options = {"sampling": True, "num_beams": 1, "temperature": 0.7, "top_k": 5, "top_p": 0.9}
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, **options))
    stored = EncoderDecoderModel.from_pretrained(tmp_path / "ckpt").generation_config
    assert (stored.do_sample, stored.temperature, stored.top_k, stored.top_p) == (True, 0.7, 5, 0.9)


@pytest.mark.parametrize(("plan", "source_marks"), [("bert2bert", False), ("bert2bert", True), ("bertshare", True)])
def test_plain_transformers_writes_the_same_texts_on_real_weights(minilm, tmp_path, plan, source_marks):
    started = warm_start(plan=plan, encoder=str(minilm), source_marks=source_marks)
    shake(started.model, 0.05)
    write_checkpoint(
        tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, max_target_tokens=8)
    )
    texts = [
        "A man is sitting on a bench in the park.",
        "Two [SEP] dogs: one big, one small.",
        "It rained.",
        "The city's oldest bridge was built in 1874 by two brothers.",
    ]
    theirs = write_with_plain_transformers(tmp_path / "ckpt", texts)
    assert theirs == write_with_ours(tmp_path / "ckpt", texts)
    assert len(set(theirs)) == 4
    assert all(theirs)


def test_plain_transformers_cuts_long_sources_where_ours_does(written):
    folder = written[1]
    text = "the cat sat on the mat and " * 8  # 56 tokens, the checkpoint's limit is 32
    model, tokenizer = EncoderDecoderModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer([text], return_tensors="pt", truncation=True)
    assert inputs.input_ids.shape == (1, 32)
    theirs = tokenizer.batch_decode(model.generate(**inputs), skip_special_tokens=True)
    assert [theirs[0].strip()] == write_with_ours(folder, [text])


def test_plain_transformers_loads_every_weight(written):
    started, folder = written
    plain = EncoderDecoderModel.from_pretrained(folder).state_dict()
    ours = started.model.state_dict()
    assert plain.keys() == ours.keys()
    assert all(torch.equal(plain[name], ours[name]) for name in ours)


def test_ours_reloads_weights_and_sharing(written):
    started, folder = written
    loaded = read_checkpoint(folder)
    assert map_shared_names(loaded.model) == map_shared_names(started.model)
    pairs = zip(loaded.model.parameters(), started.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert loaded.framing == started.framing
    assert not loaded.model.training


def test_config_is_that_of_plain_transformers(written):
    config = json.loads((written[1] / "config.json").read_text())
    assert config["architectures"] == ["EncoderDecoderModel"]
    assert config["decoder_start_token_id"] == 2


def test_output_layer_is_not_stored(written):
    assert not [name for name in load_file(written[1] / "model.safetensors") if "lm_head.decoder" in name]


def test_training_files_come_back(started, tmp_path):
    files = TrainingFiles({"w/exp_avg": torch.arange(3.0)}, {"step": 7})
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started), files)
    loaded = load_training_files(tmp_path / "ckpt")
    assert loaded.state == {"step": 7}
    assert torch.equal(loaded.optimizer["w/exp_avg"], torch.arange(3.0))


def test_checkpoint_without_training_state_says_so(written):
    with pytest.raises(CheckpointError, match="no training state, so a run cannot go on from it"):
        load_training_files(written[1])


def test_checkpoint_that_cannot_be_written_leaves_nothing(started, tmp_path, monkeypatch):
    def crash(folder):
        raise OSError("disk full")

    monkeypatch.setattr(folder_module, "sync_folder", crash)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(tmp_path / "step_00000001", started.model, started.tokenizers, build_description(started))
    assert list(tmp_path.iterdir()) == []


def test_writing_again_replaces_the_checkpoint(started, tmp_path):
    for _ in range(2):
        write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started))
    check_manifest(tmp_path / "ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["ckpt"]


def test_removed_checkpoint_is_gone(written):
    remove_checkpoint(written[1])
    assert list(written[1].parent.iterdir()) == []


def test_manifest_of_a_whole_checkpoint_holds(written):
    check_manifest(written[1])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), r"tokenizer\.json is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), r"not a whole checkpoint: .*manifest\.json is missing"),
        (lambda folder: (folder / "config.json").write_text("{}"), r"config\.json is not what was written"),
        (lambda folder: flip_last_byte(folder / "model.safetensors"), r"model\.safetensors is not what was written"),
    ],
)
def test_damage_is_found(written, damage, message):
    damage(written[1])
    with pytest.raises(CheckpointError, match=message):
        check_manifest(written[1])


def flip_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def rewrite_weights(folder, change):
    (folder / "manifest.json").unlink()  # as the error of the manifest advises
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_missing_and_unknown_tensors_are_named(written):
    rewrite_weights(written[1], lambda weights: weights.update(extra=weights.pop("decoder.lm_head.bias")))
    with pytest.raises(CheckpointError, match=r"1 tensors are missing \['decoder.lm_head.bias'\] and 1 are unknown"):
        read_checkpoint(written[1])


def test_tensor_of_another_shape_is_named(written):
    rewrite_weights(written[1], lambda weights: weights.update({"decoder.lm_head.bias": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match=r"decoder.lm_head.bias has shape \(3,\)"):
        read_checkpoint(written[1])


def test_shared_parameters_that_differ_in_the_file_are_refused(written):
    name = "decoder.bert.embeddings.word_embeddings.weight"
    rewrite_weights(written[1], lambda weights: weights.update({name: weights[name] + 1}))
    with pytest.raises(
        CheckpointError, match="says that encoder and decoder share parameters, but their stored values"
    ):
        read_checkpoint(written[1])


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_missing_file_is_named(written, name):
    (written[1] / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        read_checkpoint(written[1])


def test_changed_byte_is_found_on_reading(written):
    flip_last_byte(written[1] / "model.safetensors")
    with pytest.raises(CheckpointError, match="model.safetensors is not what was written"):
        read_checkpoint(written[1])


@pytest.mark.parametrize(("name", "content"), [("model.safetensors", b"cut"), ("config.json", b'{"model_type": "ber')])
def test_broken_file_without_a_manifest_is_refused(written, name, content):
    (written[1] / "manifest.json").unlink()
    (written[1] / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(written[1])


def test_description_that_is_no_object_is_refused(written):
    (written[1] / "seq2seq.json").write_text("[]")
    with pytest.raises(CheckpointError, match="expected a JSON object, found list"):
        read_checkpoint(written[1])


def test_missing_tokenizer_is_named(written):
    (written[1] / "manifest.json").unlink()
    for path in written[1].glob("tokenizer*"):
        path.unlink()
    with pytest.raises(CheckpointError, match="no tokenizer could be loaded"):
        read_checkpoint(written[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 6}, "format 6 is unknown; this version reads 1 to 5"),
        ({"layout": []}, "seq2seq.json: layout is list, not dict"),
        ({"generation": None, "step": "7"}, "generation is NoneType, not dict, step is str, not int"),
        ({"colour": "red"}, r"missing keys \[\], unknown keys \['colour'\]"),
    ],
)
def test_description_of_another_version_is_refused(written, change, message):
    path = written[1] / "seq2seq.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(written[1])


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({"columns": {"source": "article", "target": "highlights"}}, {"source": ["article"], "target": ["highlights"]}),
        ({}, {"source": ["source"], "target": ["target"], "references": "references"}),  # the very first named none
    ],
)
def test_description_of_the_first_format_is_read(written, change, columns):
    (written[1] / "manifest.json").unlink()
    path = written[1] / "seq2seq.json"
    values = json.loads(path.read_text())
    later = ("layout", "pruned", "families", "source")
    old = {name: values[name] for name in values if name not in later} | change | {"format": 1}
    old["evaluation"] = {"metrics": ["sari"], "case": "lower", "spacing": "separate_punctuation"}
    del old["generation"]["top_k"]
    path.write_text(json.dumps(old))
    description = read_checkpoint(written[1]).description
    assert description.layout == {
        "columns": columns, "header": [], "delimiter": None, "quoting": None, "normalization": [], "empty": "refuse",
    }  # fmt: skip
    assert description.evaluation == {"metrics": ["sari"], "normalization": ["lowercase", "separate_punctuation"]}
    assert (description.pruned, description.families, description.generation["top_k"]) == ({}, [], 0)
    assert description.source == {"kind": "text"}


def test_description_of_the_third_format_is_one_without_families_of_the_users_own(written):
    (written[1] / "manifest.json").unlink()
    path = written[1] / "seq2seq.json"
    values = json.loads(path.read_text())
    del values["families"], values["source"]
    path.write_text(json.dumps(values | {"format": 3}))
    description = read_checkpoint(written[1]).description
    assert (description.families, description.format, description.plan) == ([], 5, values["plan"])


def test_description_of_the_fourth_format_is_of_texts(written):
    (written[1] / "manifest.json").unlink()
    path = written[1] / "seq2seq.json"
    values = json.loads(path.read_text())
    del values["source"]
    path.write_text(json.dumps(values | {"format": 4}))
    description = read_checkpoint(written[1]).description
    assert (description.source, description.format, description.plan) == ({"kind": "text"}, 5, values["plan"])


def test_folder_of_one_model_is_no_checkpoint(tiny_bert):
    with pytest.raises(
        CheckpointError, match=r"holds one model of type 'bert', no encoder-decoder. To start one from it"
    ):
        read_checkpoint(tiny_bert)
