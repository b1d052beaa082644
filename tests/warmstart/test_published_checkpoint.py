"""Where published checkpoints are looked for, and what is refused there."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from seq2seq.base.errors import WarmStartError
from seq2seq.warmstart.published_checkpoint import PublishedCheckpoint, find_published_folder


def test_embedded_checkpoint_is_found():
    assert (find_published_folder("embedded:quickstart-bert") / "model.safetensors").exists()


def test_unknown_embedded_checkpoint_is_refused():
    with pytest.raises(WarmStartError, match="ships no such checkpoint. Known: embedded:quickstart-bert"):
        find_published_folder("embedded:bart")


@pytest.mark.parametrize("name", ["./missing", "/missing/folder", "a/b/c"])
def test_missing_folder_is_no_hub_name(name):
    with pytest.raises(WarmStartError, match="there is no such folder"):
        find_published_folder(name)


def test_hub_name_without_network_says_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WarmStartError, match="neither a folder here nor to be had from the hub"):
        find_published_folder("nobody/has-this-model")


def test_hub_download_asks_for_bin_weights_only_where_there_are_no_safetensors(monkeypatch, tmp_path):
    asked = []

    def download(name, allow_patterns, ignore_patterns):
        asked.append(allow_patterns[-1])
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert find_published_folder("someone/model") == tmp_path
    (tmp_path / "model.safetensors").touch()
    find_published_folder("someone/model")
    assert asked == ["*.safetensors", "pytorch_model*.bin", "*.safetensors"]


def test_folder_without_config_is_refused(tmp_path):
    with pytest.raises(WarmStartError, match=r"has no config\.json"):
        _ = PublishedCheckpoint.open(str(tmp_path)).config


def test_folder_without_weights_is_refused(tiny_bert, tmp_path):
    shutil.copy(tiny_bert / "config.json", tmp_path)
    with pytest.raises(WarmStartError, match=r"has no weights. Expected model\.safetensors"):
        _ = PublishedCheckpoint.open(str(tmp_path)).weights.files


def test_sharded_weights_are_read_whole(tiny_bert, tmp_path):
    weights = load_file(tiny_bert / "model.safetensors")
    names = sorted(weights)
    save_file({name: weights[name] for name in names[:5]}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({name: weights[name] for name in names[5:]}, tmp_path / "model-00002-of-00002.safetensors")
    checkpoint = PublishedCheckpoint.open(str(tmp_path))
    assert sorted(checkpoint.weights.files) == names
    assert torch.equal(checkpoint.weights.load(names[-1]), weights[names[-1]])


def test_missing_shard_is_named(tiny_bert, tmp_path):
    shutil.copy(tiny_bert / "model.safetensors", tmp_path / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WarmStartError, match=r"files that are missing: model-00002-of-00002\.safetensors"):
        _ = PublishedCheckpoint.open(str(tmp_path)).weights.files


class Payload:
    def __reduce__(self):
        return (print, ("a pickle ran",))


def test_objects_in_a_bin_file_are_never_built(tmp_path, capsys):
    torch.save({"weight": Payload()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WarmStartError, match="holds more than tensors"):
        _ = PublishedCheckpoint.open(str(tmp_path)).weights.files
    assert "a pickle ran" not in capsys.readouterr().out


def test_cut_weights_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(WarmStartError, match="is no whole safetensors file"):
        _ = PublishedCheckpoint.open(str(tmp_path)).weights.files


@pytest.mark.parametrize("content", ["{", "{}", '{"model_type": "no-such-model"}'])
def test_config_that_transformers_cannot_read_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(WarmStartError, match=r"config\.json cannot be read"):
        _ = PublishedCheckpoint.open(str(tmp_path)).config
