"""Evaluation of a checkpoint from Python; the command is tested in tests/cli."""

import pytest

import seq2seq
from seq2seq.base.errors import DataError
from seq2seq.base.files import load_json
from tests.training.runs import write_pairs, write_recipe


def test_evaluation_does_not_write_over_the_scores_of_a_run(tiny_bert, tmp_path):
    data = {"test": write_pairs(tmp_path / "test.jsonl", 3, start=200)}
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert, "run", max_steps=1, data=data))
    scores = load_json(run / "scores.json")
    with pytest.raises(DataError, match="run is a run, whose own scores would be lost. Choose another output"):
        seq2seq.evaluate(run, [str(tmp_path / "test.jsonl")], output=run)
    assert load_json(run / "scores.json") == scores
