"""What is taken for a checkpoint and is none: the folders and files of other toolkits, by their names alone."""

import json

import pytest

from seq2seq.base.errors import CheckpointError, RecipeError, WarmStartError
from seq2seq.checkpoints.find import find_checkpoint
from seq2seq.modeling.lookalikes import find_advice
from seq2seq.modeling.weights import WeightFiles
from seq2seq.recipe.recipe import load_recipe
from seq2seq.warmstart.published_checkpoint import PublishedCheckpoint


@pytest.fixture
def trainer(tmp_path):
    """The folder of transformers' Trainer after 1,500 steps, the best of which was the 500th."""
    for step in (500, 1000, 1500):
        folder = tmp_path / "output" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").touch()
    return tmp_path / "output"


def record_best(trainer, step):
    state = {"best_model_checkpoint": f"/elsewhere/output/checkpoint-{step}"}
    (trainer / "checkpoint-1500" / "trainer_state.json").write_text(json.dumps(state))


def test_folder_of_a_trainer_names_its_newest_checkpoint(trainer):
    with pytest.raises(CheckpointError, match=r"give the checkpoint inside, .*output/checkpoint-1500, its newest\.$"):
        find_checkpoint(trainer)
    with pytest.raises(WarmStartError, match=r"has no config\.json\. .* .*output/checkpoint-1500, its newest\.$"):
        _ = PublishedCheckpoint.open(str(trainer)).config


def test_folder_of_a_trainer_names_the_best_that_it_recorded(trainer):
    record_best(trainer, 500)
    with pytest.raises(CheckpointError, match=r"checkpoint-1500, its newest or .*output/checkpoint-500, its best\.$"):
        find_checkpoint(trainer)


@pytest.mark.parametrize("step", [1500, 700])
def test_best_of_a_trainer_that_is_the_newest_or_gone_is_not_named(trainer, step):
    record_best(trainer, step)
    assert "its best" not in find_advice(trainer)


def test_folder_of_a_trainer_that_holds_a_model_itself_is_one(trainer):
    (trainer / "config.json").write_text("{}")
    (trainer / "model.safetensors").touch()
    assert find_checkpoint(trainer) == trainer


@pytest.mark.parametrize("base", [None, "google-t5/t5-small"])
def test_adapter_is_to_be_merged(tmp_path, base):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    (tmp_path / "adapter_model.safetensors").touch()
    of = f" of {base}" if base else ""
    for error, use in (
        (CheckpointError, find_checkpoint),
        (WarmStartError, lambda folder: PublishedCheckpoint.open(str(folder)).config),
    ):
        with pytest.raises(error, match=rf"adapter of PEFT{of}, not a model: merge the adapter, with merge_and_unload"):
            use(tmp_path)


def test_adapter_with_a_config_is_to_be_merged_too(tmp_path):
    for name in ("adapter_config.json", "config.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(CheckpointError, match=r"has no weights\. .* merge the adapter"):
        _ = WeightFiles("m", tmp_path, CheckpointError).files


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("encoder_model.onnx", "It holds encoder_model.onnx. It is a graph for ONNX Runtime"),
        ("tf_model.h5", "It holds tf_model.h5. It is weights for TensorFlow"),
        ("flax_model.msgpack", "It holds flax_model.msgpack. It is weights for Flax"),
        ("model-Q4.gguf", "It holds model-Q4.gguf. It is weights for programs in C++"),
        ("epoch=3.ckpt", "It holds epoch=3.ckpt. It is a checkpoint of PyTorch Lightning"),
    ],
)
def test_folder_with_weights_of_another_kind_alone_says_so(tmp_path, name, advice):
    (tmp_path / name).touch()
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(tmp_path)
    assert advice in str(caught.value)
    with pytest.raises(CheckpointError, match="has no weights") as caught:
        _ = WeightFiles("m", tmp_path, CheckpointError).files
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.gguf", "It is weights for programs in C"),
        ("a.ckpt", "It is a checkpoint of PyTorch Lightning or TensorFlow"),
        ("model.safetensors", "A checkpoint is a folder, with config.json and a tokenizer"),
        ("a.tar.gz", "Unpack it"),
        ("mine.yaml", "It is a recipe; give the run folder that `seq2seq train .*mine.yaml` writes, runs/mine\\."),
        ("a.txt", "but a file\\.$"),
    ],
)
def test_file_in_place_of_a_checkpoint_says_what_to_give(tmp_path, name, advice):
    path = tmp_path / name
    path.write_text("task: summarization\noutput: runs/mine  # here\n")
    with pytest.raises(CheckpointError, match=advice):
        find_checkpoint(path)
    with pytest.raises(WarmStartError, match="is a file"):
        PublishedCheckpoint.open(str(path))


def test_weights_in_a_checkpoint_name_its_folder(tmp_path):
    (tmp_path / "config.json").touch()
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(CheckpointError, match=rf"A checkpoint is a folder: give {tmp_path}\."):
        find_checkpoint(tmp_path / "model.safetensors")


def test_folder_of_sentence_transformers_names_the_model_inside(tmp_path):
    inner = tmp_path / "0_Transformer"
    inner.mkdir()
    (tmp_path / "modules.json").touch()
    assert find_advice(tmp_path).startswith("It is a folder of sentence-transformers without a transformer")
    (inner / "config.json").touch()
    with pytest.raises(WarmStartError, match=rf"of sentence-transformers: give the model inside, {inner}\."):
        _ = PublishedCheckpoint.open(str(tmp_path)).config
    (tmp_path / "config.json").touch()
    assert find_advice(tmp_path) is None


def test_missing_folder_names_the_near_one(tmp_path, monkeypatch):
    (tmp_path / "runs" / "quickstart").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"does not exist\. Did you mean .*runs/quickstart\?"):
        find_checkpoint(tmp_path / "runs" / "quickstrat")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"neither a folder here nor .* Did you mean runs/quickstart\?"):
        find_checkpoint("runs/quickstrat")
    with pytest.raises(WarmStartError, match=r"there is no such folder\. Did you mean runs/quickstart\?"):
        PublishedCheckpoint.open("./runs/quickstrat")


def make_run(folder):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("task: summarization\n")
    return folder


def test_run_folder_in_place_of_a_recipe_names_its_recipe(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(RecipeError, match=r"It is a run folder; .* --resume, or its own, .*recipe\.yaml"):
        load_recipe(run)


def test_run_folder_in_place_of_an_encoder_names_the_plan(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(WarmStartError, match=r"model\.plan=pretrained takes it as model\.checkpoint=.*run"):
        _ = PublishedCheckpoint.open(str(run)).config


def test_checkpoint_in_place_of_a_recipe_names_the_plan(tmp_path):
    (tmp_path / "seq2seq.json").touch()
    with pytest.raises(RecipeError, match=r"It is a checkpoint; .* model\.plan=pretrained model\.checkpoint="):
        load_recipe(tmp_path)


@pytest.mark.parametrize("name", ["quickstart", "quickstrat.yaml", "recipes/quickstart.yaml"])
def test_recipe_of_the_package_in_another_folder_says_how_to_copy_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"no such recipe\. The package has quickstart: `seq2seq recipes copy"):
        load_recipe(name)


def test_missing_recipe_names_the_near_file(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"there is no such recipe\. Did you mean mine\.yaml\?"):
        load_recipe("mine.yml")
    with pytest.raises(RecipeError, match=r"no such recipe\. `seq2seq recipes` lists those"):
        load_recipe("other/thing.yaml")
