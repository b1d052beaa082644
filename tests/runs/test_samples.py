"""What a validation shows of the model's outputs: the same pairs each time, written without changing the run."""

import io
import json
import re
import sys

import pytest
import torch

import seq2seq
from seq2seq.base.console import be_quiet
from seq2seq.base.errors import GenerationError
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.runs.outputs import OutputWriter
from tests.training.runs import copy_up_to_step_3, hash_weights, read_events, write_pairs, write_recipe

PAIRS = 9


@pytest.fixture
def train(tmp_path, tiny_bert):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", PAIRS, start=100)}

    def train(name: str = "run", **training):
        settings = {"validate_every_steps": 3, "checkpoint_every_steps": 3} | training
        path = write_recipe(tmp_path, tiny_bert, name, data=data, **settings)
        return seq2seq.train(path)

    return train


def list_samples(run) -> list[list[dict]]:
    return [event["samples"] for event in read_events(run, "validation")]


def test_three_evenly_spaced_pairs_are_shown_at_every_validation(train, tmp_path, capsys):
    run = train()
    rows = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    expected = [{"source": rows[row]["source"], "reference": rows[row]["target"]} for row in (0, 3, 6)]
    found = list_samples(run)
    assert [[{name: sample[name] for name in ("source", "reference")} for sample in samples] for samples in found] == [
        expected, expected,
    ]  # fmt: skip
    shown = capsys.readouterr().err
    assert shown.count(f"  source     {rows[3]['source']}\n") == 2
    assert f"  output     {found[1][2]['output']}".rstrip() in shown
    assert f"  source     {rows[0]['source']}\n" in (run / "log.txt").read_text()


def test_samples_of_a_loss_are_the_greedy_outputs_of_the_checkpoint(train):
    run = train(validation_samples=2)
    for step, samples in zip((3, 6), list_samples(run), strict=True):
        sources = [sample["source"] for sample in samples]
        texts = seq2seq.generate(run / f"checkpoints/step_0000000{step}", sources, num_beams=1)
        assert [sample["output"] for sample in samples] == texts


def test_samples_change_neither_weights_nor_random_numbers_nor_other_figures(train):
    """Dropout is 0.1 here, and a model left in evaluation mode would have none."""
    runs = []
    states = []
    for count in (0, 3):
        torch.manual_seed(5)
        runs.append(train(f"run_{count}", validation_samples=count))
        states.append(torch.get_rng_state())
    assert hash_weights(runs[0], 6) == hash_weights(runs[1], 6)
    assert torch.equal(*states)
    losses = [[event["loss"] for event in read_events(run, "validation")] for run in runs]
    assert losses[0] == losses[1]
    assert "samples" not in read_events(runs[0], "validation")[0]


def test_resumed_run_has_the_samples_of_the_uninterrupted_one(train, tmp_path):
    run = train()
    expected = list_samples(run)
    saved = run.rename(tmp_path / "whole")
    copy_up_to_step_3(saved, run)
    seq2seq.train(tmp_path / "run.yaml", resume=True)
    assert list_samples(run) == expected


def test_samples_of_text_metrics_are_of_the_outputs_that_are_scored(train, monkeypatch):
    written = []

    def write(self, model, sources, options, write=OutputWriter.write):
        generated = write(self, model, sources, options)
        written.append(generated.texts)
        return generated

    def write_alone(*arguments):
        raise AssertionError("nothing more is written")

    monkeypatch.setattr(OutputWriter, "write", write)
    monkeypatch.setattr(OutputWriter, "write_alone", write_alone)
    run = train(validation_metrics=["exact_match", "loss"], validation_texts=6)
    assert [[sample["output"] for sample in samples] for samples in list_samples(run)] == [
        [texts[0], texts[2], texts[4]] for texts in written
    ]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("CUDA error: out of memory"),
        GenerationError("Memory ran out with 3 sources in a batch."),
    ],
    ids=["type", "message", "told"],
)
def test_samples_that_memory_does_not_hold_are_left_out_and_the_run_goes_on(train, monkeypatch, capsys, error):
    def run_out(*arguments):
        raise error

    monkeypatch.setattr(TransformersEngine, "write", run_out)
    run = train()
    assert [event.get("samples") for event in read_events(run, "validation")] == [None, None]
    told = f"Validation at step 3: from here on no samples are written. {error}"
    assert capsys.readouterr().err.count(told) == 1
    assert read_events(run, "end")[0]["reason"] == "max_steps"


def test_faults_of_our_own_are_not_hidden(train, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr(TransformersEngine, "write", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        train()


def test_samples_stay_above_the_bar_of_a_terminal(train, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    run = train()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    source = list_samples(run)[0][0]["source"]
    assert len(re.findall(rf"  source     {source} *\r?\n", shown)) == 2


def test_samples_are_hidden_in_quiet_and_stand_in_the_files(train, capsys):
    with be_quiet():
        run = train()
    assert "source " not in capsys.readouterr().err
    assert "  reference  " in (run / "log.txt").read_text()
    assert len(list_samples(run)[0]) == 3
