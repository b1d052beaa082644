"""Lengths that a recipe leaves out follow the positions of its model; those that it gives must fit."""

import json
from pathlib import Path

import pytest
import yaml

import seq2seq
from seq2seq.base.errors import RecipeError, TrainingError
from tests.conftest import save_bert
from tests.published import ENGLISH, draw_sentences, save_published

LENGTHS = ("data.max_source_tokens", "data.max_target_tokens", "generation.max_target_tokens")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A BERT of 32 positions, a BART of 64, a T5 that nothing limits, and pairs to train on."""
    place = tmp_path_factory.mktemp("place")
    save_bert(place / "bert", max_position_embeddings=32)
    for family in ("bart", "t5"):
        (place / family).mkdir()
        save_published(place / family, family)
    rows = [{"source": text, "target": text} for text in draw_sentences(ENGLISH, 8, 3)]
    (place / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture
def write(place, tmp_path):
    """Writes a recipe of a task whose defaults are 512 and 128 tokens, with further values under `data`."""

    def write(family: str, **data) -> Path:
        model = {"plan": "pretrained", "checkpoint": str(place / family)}
        if family == "bert":
            model = {"plan": "bert2bert", "encoder": str(place / family)}
        values = {
            "task": "summarization",
            "output": str(tmp_path / "run"),
            "model": model,
            "data": {"train": str(place / "train.jsonl")} | data,
            "training": {"max_steps": 1, "batch_examples": 8},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def list_lengths(recipe: dict) -> list[int]:
    return [recipe[section][name] for section, name in (key.split(".") for key in LENGTHS)]


@pytest.mark.parametrize(
    ("family", "lengths"), [("bert", [32, 32, 32]), ("bart", [64, 64, 64]), ("t5", [512, 128, 128])]
)
def test_lengths_that_nobody_gave_are_those_of_the_positions(write, capsys, family, lengths):
    run = seq2seq.train(write(family))
    assert list_lengths(yaml.safe_load((run / "recipe.yaml").read_text())) == lengths
    told = capsys.readouterr().err
    assert ("data.max_source_tokens is 32, for the model has no more positions (default: 512)" in told) == (
        family == "bert"
    )


def test_run_whose_lengths_followed_the_positions_goes_on_with_them(write):
    run = seq2seq.train(write("bert"))
    seq2seq.train(write("bert"), resume=True)
    assert list_lengths(yaml.safe_load((run / "recipe.yaml").read_text())) == [32, 32, 32]
    with pytest.raises(TrainingError, match="data.max_target_tokens: the run has 32, the recipe now says 20"):
        seq2seq.train(write("bert", max_target_tokens=20), resume=True)


def test_lengths_that_were_given_once_are_not_left_out_later(write):
    seq2seq.train(write("bert", max_target_tokens=20))
    with pytest.raises(TrainingError, match="data.max_target_tokens: the run has 20, the recipe now says 32"):
        seq2seq.train(write("bert"), resume=True)


def test_shorter_lengths_that_were_given_stay(write):
    run = seq2seq.train(write("bert", max_source_tokens=16))
    assert list_lengths(yaml.safe_load((run / "recipe.yaml").read_text())) == [16, 32, 32]


@pytest.mark.parametrize("override", ["data.max_target_tokens=33", "generation.max_target_tokens=33"])
def test_lengths_beyond_the_positions_that_were_given_are_refused(write, override):
    with pytest.raises(RecipeError, match="A target of 33 tokens was asked for, but the model has 32 positions"):
        seq2seq.train(write("bert"), [override])


def test_inspect_shows_the_lengths_that_a_run_would_have(write):
    assert list_lengths(seq2seq.inspect(write("bert"), time=False).recipe) == [32, 32, 32]
