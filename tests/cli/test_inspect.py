"""`seq2seq inspect`: what a run would see and take, without a run."""

import json

from tests.cli.small_files import write_recipe


def test_inspect_prints_everything_and_leaves_no_run_behind(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, _ = seq2seq("inspect", recipe, "--examples", "1", "--json", tmp_path / "figures.json")
    assert code == 0
    assert "source (5 tokens): [CLS] the cat sat [SEP]" in out
    assert "decoder input (3 tokens): [CLS] a cat\n" in out
    assert "labels (3 tokens): a cat [SEP]" in out
    assert "a dog ran" not in out
    assert "cross_attention" in out
    assert "updates on this machine" in out
    # The test file is the training file.
    assert "overlap: data.test: the sources of 2 of 2 rows (100.0%) stand in data.train too" in out
    assert not (tmp_path / "run").exists()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["splits"]["train"]["examples"][0]["labels"] == ["a", "cat", "[SEP]"]
    assert figures["time"]["seconds_per_step"] > 0


def test_inspect_without_time_trains_nothing(seq2seq, tiny_bert, tmp_path, pairs, monkeypatch):
    monkeypatch.setattr("seq2seq.training.trainer.Trainer.update", None)
    code, out, _ = seq2seq("inspect", write_recipe(tmp_path, tiny_bert, pairs), "--no-time", "--examples", "0")
    assert code == 0
    assert "updates on this machine" not in out


def test_inspect_refuses_a_json_path_before_it_works(seq2seq, tmp_path):
    code, _, err = seq2seq("inspect", "missing.yaml", "--json", tmp_path)
    assert code == 1
    assert "cannot be written" in err
