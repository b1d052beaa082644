"""What is said of a verb's arguments before torch is imported; every message is tested where its verb is."""

import json

import pytest

from seq2seq.base.errors import DataError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.recipe.recipe import build_recipe
from seq2seq.verbs.early_checks import check_checkpoint, check_evaluate, check_files, check_recipe_data
from seq2seq.verbs.options import EvaluateOptions
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


def test_loaded_checkpoints_and_hub_names_are_taken_as_they_are():
    check_checkpoint(object())
    check_checkpoint("nobody/has-this")
