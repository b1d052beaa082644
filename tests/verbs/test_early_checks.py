"""What is said of a verb's arguments before torch is imported; every message is tested where its verb is."""

import json
from pathlib import Path

import pytest

from seq2seq.base.errors import DataError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.recipe.recipe import build_recipe
from seq2seq.verbs.early_checks import (
    check_analyze_attention,
    check_analyze_heads,
    check_average,
    check_checkpoint,
    check_evaluate,
    check_export,
    check_figures,
    check_files,
    check_generate_file,
    check_prune,
    check_recipe_data,
    check_train,
    check_train_tokenizer,
)
from seq2seq.verbs.options.analyze import AttentionOptions, HeadsOptions
from seq2seq.verbs.options.average import AverageOptions
from seq2seq.verbs.options.evaluate import EvaluateOptions
from seq2seq.verbs.options.export import ExportOptions
from seq2seq.verbs.options.generate_file import GenerateFileOptions
from seq2seq.verbs.options.inspect import InspectOptions
from seq2seq.verbs.options.prune import PruneOptions
from seq2seq.verbs.options.tokenizer import TokenizerOptions
from seq2seq.verbs.options.train import TrainOptions
from tests.conftest import build_description


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"source": "a", "target": "b"}) + "\n" + "{")

    def build(**data):
        files = {"train": [str(tmp_path / "pairs.jsonl"), "embedded:quickstart:train", "hub:nobody/has-this::train"]}
        values = {"task": "translation", "output": "run", "model": {"encoder": "x"}, "data": files | data}
        return build_recipe(values | {"training": {"max_steps": 1}})

    return build


def test_first_row_of_every_file_is_read_and_neither_the_second_nor_the_hub(recipe):
    check_recipe_data(recipe())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"test": "gone.jsonl"}, "gone.jsonl: there is no such file"),
        (
            {"columns": {"source": "text"}},
            r"pairs\.jsonl line 1: column 'text' is missing \(found: 'source', 'target'\)",
        ),
    ],
)
def test_wrong_data_of_a_recipe_are_named(recipe, data, message):
    with pytest.raises(DataError, match=message):
        check_recipe_data(recipe(**data))


def test_of_several_processes_none_speaks_of_data(recipe, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_recipe_data(recipe(test="gone.jsonl"))


def test_rows_are_read_as_the_checkpoint_says_and_the_options_over_that(started, tmp_path):
    description = build_description(started)
    description.layout["columns"]["source"] = "text"
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, description)
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"text": "a", "summary": "b"}) + "\n")
    given = {"data": str(tmp_path / "pairs.jsonl"), "output": tmp_path / "out"}
    check_evaluate(tmp_path / "ckpt", EvaluateOptions(**given, columns={"target": "summary"}))
    with pytest.raises(DataError, match="column 'target' is missing"):
        check_evaluate(tmp_path / "ckpt", EvaluateOptions(**given))


def test_standard_input_and_names_of_other_places_are_no_files():
    check_files(["-", "hub:nobody/has-this::train", "embedded:quickstart:train"])


def test_run_folder_is_not_made_at_the_root_of_the_disk(recipe):
    with pytest.raises(DataError, match="there is no /no_such_folder, and no folder is made at the root"):
        check_train(recipe().model_copy(update={"output": "/no_such_folder/run"}), TrainOptions())


@pytest.mark.parametrize(
    ("names", "check"),
    [
        (
            ["scores.json", "predictions.jsonl"],
            lambda out: check_evaluate("x/y", EvaluateOptions(data="x", output=out)),
        ),
        (["heads.json", "heads.png"], lambda out: check_analyze_heads("x/y", HeadsOptions(data="x", output=out))),
        (
            ["attention.json", "attention.html", "attention.safetensors"],
            lambda out: check_analyze_attention("x/y", AttentionOptions(output=out)),
        ),
        (["figures.json"], lambda out: check_figures(InspectOptions(figures=out / "figures.json"))),
        (
            ["out.txt"],
            lambda out: check_generate_file("x/y", ["a"], GenerateFileOptions(output=out / "out.txt")),
        ),
    ],
    ids=["evaluate", "heads", "attention", "inspect", "generate"],
)
def test_no_verb_writes_over_a_file_without_a_word(tmp_path, names, check):
    for name in names:
        (tmp_path / name).write_text("mine")
        with pytest.raises(DataError, match=rf"{name} exists\. Choose another output, or replace it with --overwrite"):
            check(tmp_path)
        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    "check",
    [
        lambda out: check_prune("x/y", PruneOptions(data="x", output=out, keep=0.5)),
        lambda out: check_export("x/y", ExportOptions(output=out)),
        lambda out: check_average(["x/y", "x/z"], AverageOptions(output=out)),
        lambda out: check_train_tokenizer(TokenizerOptions(data="x", output=out)),
        lambda out: check_evaluate("x/y", EvaluateOptions(data="x", output=out)),
        lambda out: check_generate_file("x/y", ["a"], GenerateFileOptions(output=out / "out.txt")),
    ],
    ids=["prune", "export", "average", "tokenizer", "evaluate", "generate"],
)
def test_no_verb_makes_a_folder_at_the_root_of_the_disk(check):
    with pytest.raises(DataError, match="there is no /no_such_folder, and no folder is made at the root"):
        check(Path("/no_such_folder"))


def test_output_is_not_both_gone_on_with_and_replaced(tmp_path):
    options = GenerateFileOptions(output=tmp_path / "out.txt", resume=True, overwrite=True)
    with pytest.raises(DataError, match=r"either gone on with \(resume\) or replaced \(overwrite\)"):
        check_generate_file("x/y", ["a"], options)


def test_loaded_checkpoints_and_hub_names_are_taken_as_they_are():
    check_checkpoint(object())
    check_checkpoint("nobody/has-this")
