"""A run whose data has rows without text: it says so, notes how many, and trains as on a file without them."""

import json
import shutil

import pytest

import seq2seq
from seq2seq.base.errors import DataError
from tests.training.runs import hash_weights, write_pairs, write_recipe

GAPS = (
    '{"source": "a cat", "target": " "}\n\n{"source": null, "target": "a dog"}\n{"source": "\u200b", "target": "cat"}\n'
)


def write_data(folder) -> dict[str, str]:
    """Pairs of three splits; into those to train and to test on go four rows without text each."""
    folder.mkdir()
    data = {name: write_pairs(folder / f"{name}.jsonl", 12, start) for name, start in
            {"train": 0, "validation": 100, "test": 200}.items()}  # fmt: skip
    for name in ("train", "test"):
        lines = (folder / f"{name}.jsonl").read_text().splitlines(keepends=True)
        (folder / f"{name}_gaps.jsonl").write_text("".join([*lines[:5], GAPS, *lines[5:], "\n"]), encoding="utf-8")
    return data


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_bert):
    """A run on whole files, and one on files with gaps."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_data(folder / "data")
    gaps = data | {name: data[name].replace(".jsonl", "_gaps.jsonl") for name in ("train", "test")} | {"empty": "skip"}
    options = {"max_steps": 2, "validate_every_steps": 2, "validation_metrics": ["loss"]}
    whole = seq2seq.train(write_recipe(folder, tiny_bert, "whole", data=data, **options))
    return whole, seq2seq.train(write_recipe(folder, tiny_bert, "gaps", data=gaps, **options))


def test_run_trains_on_the_rows_that_have_text(runs):
    whole, gaps = runs
    assert hash_weights(gaps, 2) == hash_weights(whole, 2)
    predictions = [(run / "predictions/test.jsonl").read_text() for run in runs]
    assert predictions[0] == predictions[1]


def test_run_notes_what_was_left_out(runs):
    whole, gaps = runs
    splits = json.loads((gaps / "inputs.json").read_text())["splits"]
    assert {name: split["pairs"] for name, split in splits.items()} == {"train": 12, "validation": 12, "test": 12}
    counted = {name: list(split["left_out"].values()) for name, split in splits.items()}
    assert counted == {"train": [4], "validation": [], "test": [4]}
    scores = [json.loads((run / "scores.json").read_text()) for run in runs]
    assert [(one["examples"], one["left_out"]) for one in scores] == [(12, 0), (12, 4)]
    card = (gaps / "README.md").read_text().replace("\\", "")
    assert "data.train: 4 rows of " in card
    assert "left out" not in (whole / "README.md").read_text()


def test_run_says_what_is_left_out_whether_it_reads_or_finds_it_in_the_cache(runs, capsys):
    _, gaps = runs
    recipe = gaps.with_suffix(".yaml")
    for number in range(2):
        capsys.readouterr()
        seq2seq.train(recipe, [f"output={gaps}_{number}", "training.max_steps=1"])
        said = capsys.readouterr().err
        assert said.count("train_gaps.jsonl: 4 rows without text left out, the first: ") == 1
        assert said.count("test_gaps.jsonl: 4 rows without text left out, the first: ") == 1


def test_inspect_says_what_is_left_out(runs, tmp_path):
    _, gaps = runs
    inspection = seq2seq.inspect(gaps.with_suffix(".yaml"), time=False, figures=tmp_path / "figures.json")
    assert inspection.splits["train"].left_out.rows == 4
    assert inspection.splits["train"].rows == 12
    figures = json.loads((tmp_path / "figures.json").read_text())["splits"]
    assert list(figures["test"]["left_out"]["counts"].values()) == [4]
    # Positions of rows are those of the rows that are there: line 6 of the file is the first without text.
    assert [row.place.rpartition(" ")[2] for row in inspection.splits["train"].examples] == ["1", "2"]


def test_finished_run_is_gone_on_with_and_its_checkpoint_skips_them_too(runs, tmp_path):
    _, gaps = runs
    copied = shutil.copytree(gaps, tmp_path / "gaps")
    assert seq2seq.train(gaps.with_suffix(".yaml"), [f"output={copied}"], resume=True) == copied
    data = str(gaps.parent / "data/test_gaps.jsonl")
    scores = seq2seq.evaluate(gaps, [data], output=tmp_path / "scores")
    assert (scores["examples"], scores["left_out"]) == (13, 3)  # without a model a row is there for its invisible text
    with pytest.raises(DataError, match="3 rows have no text"):
        seq2seq.evaluate(gaps, [data], output=tmp_path / "scores", empty="refuse", overwrite=True)


def test_run_refuses_them_unless_it_is_told_to_skip(runs):
    _, gaps = runs
    with pytest.raises(DataError, match=r"train_gaps\.jsonl: 3 rows have no text\."):
        seq2seq.train(gaps.with_suffix(".yaml"), [f"output={gaps}_refused", "data.empty=refuse"])
