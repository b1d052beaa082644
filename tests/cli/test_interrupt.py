"""Ctrl-C in a command: said in words, ended at once with 130, and nothing is half written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seq2seq.analysis import pruning_rounds
from seq2seq.cli import main as cli
from seq2seq.generation.generator import Generator
from seq2seq.text.tokenizers import TokenizerPair
from seq2seq.training.trainer import Trainer
from seq2seq.verbs import generate_file, prune
from tests.cli.small_files import write_recipe


@pytest.fixture(autouse=True)
def _ended_by_an_exception(monkeypatch):
    """The process of the tests goes on."""

    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(cli.os, "_exit", leave)


def interrupt(patch, owner, name, call=1):
    """Lets Ctrl-C come in a call of a function, numbered from 1."""
    original = getattr(owner, name)
    calls = []

    def interrupted(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments, **options)

    patch.setattr(owner, name, interrupted)


def test_interrupted_training_says_what_to_type(seq2seq, tiny_bert, tmp_path, pairs, monkeypatch):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    with monkeypatch.context() as patch:
        interrupt(patch, Trainer, "_count")
        code, _, err = seq2seq("train", recipe, "seed=3")
    assert code == 130
    assert "TrainingInterrupted: Ctrl-C came: the run in" in err
    assert f"Go on with: seq2seq train {recipe} seed=3 --resume" in err
    assert "Traceback" not in err
    assert seq2seq("train", recipe, "seed=3", "--resume")[0] == 0


def test_generation_into_a_file_says_how_far_it_came_and_goes_on_there(seq2seq, checkpoint, tmp_path, monkeypatch):
    texts = tmp_path / "texts.txt"
    texts.write_text("the cat\na dog\nthe mat\n")
    whole, output = tmp_path / "whole.txt", tmp_path / "out.txt"
    arguments = ("generate", checkpoint, "--input", texts, "--window", 1, "--output")
    assert seq2seq(*arguments, whole)[0] == 0
    with monkeypatch.context() as patch:
        interrupt(patch, Generator, "generate", call=3)
        code, _, err = seq2seq(*arguments, output)
    assert code == 130
    assert f"2 outputs are in {output}; the same command with --resume goes on behind them." in err
    assert err.endswith("Stopped by Ctrl-C.\n")
    assert seq2seq(*arguments, output, "--resume")[0] == 0
    assert output.read_bytes() == whole.read_bytes()


def test_interrupted_generation_to_standard_output_is_told_in_a_line(seq2seq, checkpoint, monkeypatch):
    interrupt(monkeypatch, generate_file, "load_model")
    code, out, err = seq2seq("generate", checkpoint, "--text", "the cat")
    assert (code, out, err) == (130, "", "Stopped by Ctrl-C.\n")


def test_interrupted_evaluation_writes_nothing(seq2seq, checkpoint, pairs, tmp_path, monkeypatch):
    interrupt(monkeypatch, Generator, "generate")
    assert seq2seq("evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out")[0] == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_evaluation_interrupted_between_its_files_leaves_no_older_scores(
    seq2seq, checkpoint, pairs, tmp_path, monkeypatch
):
    arguments = ("evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out")
    assert seq2seq(*arguments)[0] == 0
    import seq2seq.verbs.evaluate as verb

    interrupt(monkeypatch, verb, "write_json")
    assert seq2seq(*arguments, "--overwrite")[0] == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.jsonl"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        pytest.param(pruning_rounds, "choose_by_importance", id="weighing heads"),
        pytest.param(prune, "write_checkpoint", id="about to write"),
        pytest.param(TokenizerPair, "save", id="writing"),
    ],
)
def test_interrupted_pruning_leaves_no_folder(seq2seq, checkpoint, pairs, tmp_path, monkeypatch, owner, name):
    interrupt(monkeypatch, owner, name)
    output = tmp_path / "pruned"
    assert seq2seq("prune", checkpoint, "--data", pairs, "--keep", "0.5", "--output", output)[0] == 130
    assert not output.exists()
    assert not list(tmp_path.glob(".pruned*"))


@pytest.mark.parametrize("call", [1, 2])
def test_interrupted_tokenizer_is_whole_or_absent(seq2seq, pairs, tmp_path, monkeypatch, call):
    import seq2seq.verbs.tokenizer as verb

    output = tmp_path / "tokenizer"
    arguments = ("tokenizer", "train", "--data", "embedded:quickstart:train", "--size", "400", "--output", output)
    with monkeypatch.context() as patch:
        interrupt(patch, *[(TokenizerPair, "save"), (verb, "write_json")][call - 1])
        assert seq2seq(*arguments)[0] == 130
    assert not list(output.glob("*"))
    assert seq2seq(*arguments)[0] == 0  # nothing of the first is in its way
    assert json.loads((output / "coverage.json").read_text())["size"] == 400


def test_end_does_not_wait_for_batches_that_are_under_way():
    script = """
import os, signal, sys, threading, time
import torch
torch.set_num_threads(2)
from seq2seq.cli import main as cli
from seq2seq.engines.batching import compute_side_by_side

def compute(batch):
    if batch == [0]:
        time.sleep(1)  # until the main thread waits: Python may miss a signal that comes as a wait is being entered
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
    return batch

def app():
    list(compute_side_by_side([[0], [1]], compute, torch.device("cpu")))

cli.app = app
cli.main()
"""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=50
    )
    assert (ended.returncode, ended.stderr) == (130, "Stopped by Ctrl-C.\n")
    assert time.monotonic() - began < 50  # seconds; each batch would take sixty
