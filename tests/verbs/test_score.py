"""Scores from Python; the commands are tested in tests/cli."""

import pytest

import seq2seq
from seq2seq.base.errors import DataError, ScoringError
from seq2seq.base.files import load_json
from seq2seq.checkpoints.folder import write_checkpoint
from tests.conftest import build_description
from tests.training.runs import write_pairs, write_recipe


def test_evaluation_does_not_write_over_the_scores_of_a_run(tiny_bert, tmp_path):
    data = {"test": write_pairs(tmp_path / "test.jsonl", 3, start=200)}
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert, "run", max_steps=1, data=data))
    scores = load_json(run / "scores.json")
    with pytest.raises(DataError, match="run is a run, whose own scores would be lost. Choose another output"):
        seq2seq.evaluate(run, [str(tmp_path / "test.jsonl")], output=run)
    assert load_json(run / "scores.json") == scores


@pytest.fixture
def files(tmp_path):
    (tmp_path / "predictions.txt").write_text("a cat\na dog\n")
    (tmp_path / "references.txt").write_text("a cat\nA dog\n")
    return tmp_path / "predictions.txt", tmp_path / "references.txt"


def test_metrics_and_normalization_may_be_given_together_as_before(files):
    together = seq2seq.score(*files, options={"metrics": ["exact_match"], "normalization": ["lowercase"]})
    apart = seq2seq.score(*files, metrics="exact_match", normalization="lowercase")
    assert together == apart
    assert apart[str(files[0])].values == {"exact_match": 100.0}
    given = {"references": files[1], "options": {"metrics": ["exact_match"]}}
    assert seq2seq.compare(files[0], files[0], **given)["exact_match"].value_a == 50.0


def test_metrics_over_those_of_the_checkpoint_may_be_given_by_their_name(started, tmp_path):
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=1))
    data = [write_pairs(tmp_path / "test.jsonl", 3)]
    given = {"evaluation": {"normalization": ["lowercase"], "metrics": ["bleu"]}, "metrics": ["chrf"]}
    scores = seq2seq.evaluate(tmp_path / "ckpt", data, output=tmp_path / "out", **given)
    assert list(scores["signatures"]) == ["chrf"]
    assert "lowercase" in scores["signatures"]["chrf"]


@pytest.mark.parametrize("verb", [seq2seq.score, seq2seq.compare])
def test_metrics_must_be_given(files, verb):
    with pytest.raises(ScoringError, match="metrics: is required"):
        verb(*files)
