"""`seq2seq average`: checkpoints named, or the last of a run, become one that generates."""

import json

from seq2seq.checkpoints.folder import write_checkpoint
from tests.cli.small_files import write_recipe
from tests.conftest import build_description


def test_average_of_a_runs_last_checkpoints_generates(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    seq2seq("train", recipe, "training.checkpoint_every_steps=1")
    run, output = tmp_path / "run", tmp_path / "average"
    code, _, err = seq2seq("average", run, "--last", "2", "--output", output)
    assert code == 0
    steps = [str(run / f"checkpoints/step_0000000{step}") for step in (1, 2)]
    assert err.splitlines() == [*(f"Averaged: {step}" for step in steps), f"Written: {output}"]
    assert seq2seq("generate", output, "--text", "the cat sat")[0] == 0
    code, _, err = seq2seq("average", run, steps[0], "--output", output)
    assert code == 1
    assert f"{output} exists. Choose another output" in err


def test_average_of_named_checkpoints_says_what_differs(seq2seq, started, checkpoint, tmp_path):
    write_checkpoint(tmp_path / "other", started.model, started.tokenizers, build_description(started, num_beams=5))
    code, _, err = seq2seq("average", checkpoint, tmp_path / "other", "--output", tmp_path / "average")
    assert code == 0
    assert "They differ in generation; the last one's hold." in err
    assert json.loads((tmp_path / "average/seq2seq.json").read_text())["generation"]["num_beams"] == 5


def test_average_of_the_last_of_two_runs_is_refused(seq2seq, checkpoint, tmp_path):
    code, _, err = seq2seq("average", checkpoint, checkpoint, "--last", "2", "--output", tmp_path / "average")
    assert code == 1
    assert "The last 2 checkpoints are those of one run; found 2 names." in err
