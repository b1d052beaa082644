"""Which files of a checkpoint go on the hub: the layout of `write_checkpoint`, and others beside it."""

import pickle

import pytest
import torch

from seq2seq.base.errors import CheckpointError, HubError
from seq2seq.checkpoints.folder import TrainingFiles, write_checkpoint
from seq2seq.checkpoints.uploads import check_uploaded, list_left_out, list_replaced, list_uploaded
from tests.conftest import build_description

FILES = [
    "config.json", "generation_config.json", "model.safetensors", "seq2seq.json", "tokenizer.json",
    "tokenizer_config.json",
]  # fmt: skip


@pytest.fixture
def folder(started, tmp_path):
    training = TrainingFiles({"step": torch.zeros(1)}, {"step": 1})
    notes = {"averaged.json": [{"checkpoint": "/home/me/runs/mine"}]}
    path = tmp_path / "ckpt"
    write_checkpoint(path, started.model, started.tokenizers, build_description(started), training, notes)
    return path


def test_model_and_tokenizer_go_and_training_notes_and_strangers_stay(folder):
    for name in ("optimizer.pt", "training_args.bin", "texts.jsonl", "secrets.json"):
        (folder / name).write_bytes(pickle.dumps(1))
    assert list_uploaded(folder) == FILES
    left_out = ["averaged.json", "optimizer.pt", "secrets.json", "texts.jsonl", "training/", "training_args.bin"]
    assert list_left_out(folder) == left_out


def test_targets_tokenizer_goes_too(folder):
    (folder / "target_tokenizer").mkdir()
    (folder / "target_tokenizer/tokenizer.json").write_text("{}")
    (folder / "target_tokenizer/notes.txt").write_text("")
    assert [name for name in list_uploaded(folder) if "/" in name] == ["target_tokenizer/tokenizer.json"]


def test_whole_checkpoint_is_accepted_also_without_its_training(folder):
    (folder / "training/optimizer.safetensors").write_bytes(b"damaged")
    check_uploaded(folder, list_uploaded(folder))


def test_changed_file_is_refused(folder):
    (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="config.json is not what was written"):
        check_uploaded(folder, list_uploaded(folder))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seq2seq.json", "is no checkpoint of this project: it has no seq2seq.json. A model of transformers goes on"),
        ("model.safetensors", "model.safetensors is missing, so transformers could not load it. Give the run"),
        ("config.json", "config.json is missing, so transformers could not load it"),
    ],
)
def test_folder_that_lacks_a_file_is_refused(folder, name, message):
    (folder / name).unlink()
    with pytest.raises(HubError, match=message):
        check_uploaded(folder, list_uploaded(folder))


def test_pickle_under_the_name_of_the_weights_is_refused(folder):
    (folder / "manifest.json").unlink()
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weight": 1}))
    with pytest.raises(HubError, match="model.safetensors is no file of safetensors"):
        check_uploaded(folder, list_uploaded(folder))


@pytest.mark.parametrize("held", [[], [".gitattributes"], [".gitattributes", "README.md", "LICENSE"]])
def test_repository_without_a_model_takes_the_first(held):
    assert list_replaced(held, FILES) == []


def test_earlier_upload_is_replaced_and_strangers_stay():
    held = [
        *FILES,
        "target_tokenizer/tokenizer.json",
        "pictures/curves.png",
        "vocab.txt",
        "notes.md",
        "onnx/config.json",
    ]
    assert list_replaced(held, FILES) == ["pictures/curves.png", "target_tokenizer/tokenizer.json", "vocab.txt"]


def test_repository_with_something_else_is_refused():
    with pytest.raises(ValueError, match="^config.json, pytorch_model.bin$"):
        list_replaced(["pytorch_model.bin", "config.json", ".gitattributes"], FILES)
    with pytest.raises(ValueError, match="^0, 1, 2, 3, 4 and 2 more$"):
        list_replaced(list("0123456"), FILES)
