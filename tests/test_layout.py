"""The layout of the data goes with a checkpoint: later texts are read and normalized as in training, once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq import evaluate, generate, read_layout
from seq2seq.base.errors import DataError
from seq2seq.checkpoints.folder import Checkpoint, read_checkpoint, write_checkpoint
from seq2seq.data.options import LayoutOptions
from seq2seq.data.training_texts import read_training_texts
from seq2seq.recipe.recipe import build_recipe
from seq2seq.runs.saving import summarize_for_checkpoint
from seq2seq.runs.start import start_model
from seq2seq.sources.text import TextSource
from seq2seq.text.normalization import NORMALIZERS
from tests.conftest import build_description, shake

LAYOUT = {
    "columns": {"source": ["first", "second"], "target": "whole"},
    "header": ["first", "second", "whole"],
    "normalization": ["mark"],
}
LINES = ["the cat\tsat\ta cat sat", "a dog\t\ta dog"]


@pytest.fixture(autouse=True)
def mark(monkeypatch):
    """A step that shows how often it was taken."""
    monkeypatch.setitem(NORMALIZERS, "mark", lambda text: f"{text} red")


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "data.tsv").write_text("".join(line + "\n" for line in LINES))
    return tmp_path / "data.tsv"


@pytest.fixture
def checkpoint(started, tmp_path) -> Checkpoint:
    shake(started.model)
    write_checkpoint(
        tmp_path / "ckpt",
        started.model,
        started.tokenizers,
        replace(build_description(started, num_beams=1), layout=LAYOUT),
    )
    return read_checkpoint(tmp_path / "ckpt")


def test_checkpoint_says_how_its_data_was_read(tiny_bert):
    recipe = build_recipe(
        {
            "task": "sentence_fusion", "output": "run", "model": {"encoder": str(tiny_bert)},
            "data": {"train": "data.tsv", "max_source_tokens": 9, "max_target_tokens": 9, **LAYOUT},
            "generation": {"max_target_tokens": 9}, "training": {"max_steps": 1},
        }
    )  # fmt: skip
    layout = summarize_for_checkpoint(recipe, start_model(recipe), recipe.evaluation, 1).layout
    assert LayoutOptions(**layout) == recipe.data.layout == LayoutOptions(**LAYOUT)


def test_options_go_over_those_of_the_checkpoint(checkpoint):
    layout = read_layout(checkpoint, columns={"target": ["first", "whole"]}, header=[], normalization=None)
    assert layout.columns.source == ("first", "second")
    assert layout.columns.target == ("first", "whole")
    assert (layout.header, layout.normalization) == ((), ("mark",))


def test_wrong_option_of_the_layout_is_refused(checkpoint):
    with pytest.raises(DataError, match="normalization: unknown normalizer 'lower'"):
        read_layout(checkpoint, normalization=["lower"])


def test_evaluation_reads_and_normalizes_as_in_training(checkpoint, data, tmp_path):
    evaluate(checkpoint.folder, [str(data)], output=tmp_path / "out", evaluation={"metrics": ["exact_match"]})
    rows = [json.loads(line) for line in (tmp_path / "out/predictions.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == ["the cat sat red", "a dog red"]
    assert [row["references"] for row in rows] == [["a cat sat red"], ["a dog red"]]


def test_sources_are_normalized_once_in_generation_as_in_evaluation(checkpoint, data, tmp_path, monkeypatch):
    encoded = []
    encode = TextSource.encode
    monkeypatch.setattr(TextSource, "encode", lambda self, texts: encoded.append(texts) or encode(self, texts))
    evaluate(checkpoint.folder, [str(data)], output=tmp_path / "out", evaluation={"metrics": ["exact_match"]})
    generate(checkpoint, ["the cat sat", "a dog"])
    assert encoded == [["the cat sat red", "a dog red"]] * 2


def test_texts_that_a_tokenizer_is_trained_on_are_read_alike(data, tmp_path):
    (tmp_path / "plain.txt").write_text("a fish\n")
    texts = read_training_texts([str(data), str(tmp_path / "plain.txt")], LayoutOptions(**LAYOUT), sides="both")
    assert texts == {
        "source": ["the cat sat red", "a dog red"],
        "target": ["a cat sat red", "a dog red"],
        "plain text": ["a fish red"],
    }
