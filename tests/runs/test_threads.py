"""Threads: chosen once, recorded, and taken again by a run that goes on."""

import os
import subprocess
import sys

import pytest
import torch

import seq2seq
from seq2seq.base.errors import TrainingInterrupted
from seq2seq.base.files import load_json, write_json
from seq2seq.training.trainer import Trainer
from tests.training.faults import send_at_step
from tests.training.runs import write_recipe


@pytest.fixture
def used(monkeypatch):
    """The number of threads in each step."""
    seen = []

    def run_step(self, bar, run_step=Trainer._run_step):
        seen.append(torch.get_num_threads())
        run_step(self, bar)

    monkeypatch.setattr(Trainer, "_run_step", run_step)
    return seen


def begin(path, monkeypatch, *overrides):
    """A run that stops after step 3."""
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path, overrides)
    return path.with_suffix("")


def test_threads_are_recorded_and_those_of_the_process_come_back(tiny_bert, tmp_path, used):
    before = torch.get_num_threads()
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert, threads=before + 1))
    assert used == [before + 1] * 6
    assert load_json(run / "environment.json")["threads"] == before + 1
    assert torch.get_num_threads() == before


def test_resumed_run_has_the_threads_it_began_with(tiny_bert, tmp_path, used, monkeypatch, capsys):
    path = write_recipe(tmp_path, tiny_bert)
    before = torch.get_num_threads()
    run = begin(path, monkeypatch)
    environment = load_json(run / "environment.json")
    write_json(run / "environment.json", environment | {"threads": before + 1})
    seq2seq.train(path, resume=True)
    assert used == [before] * 3 + [before + 1] * 3
    assert f"The run began with {before + 1} threads and goes on with them" in capsys.readouterr().err


def test_threads_that_are_asked_for_hold_on_resume_too(tiny_bert, tmp_path, used, monkeypatch):
    path = write_recipe(tmp_path, tiny_bert)
    begin(path, monkeypatch)
    seq2seq.train(path, ["training.threads=2"], resume=True)
    assert used[3:] == [2, 2, 2]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"threads": 7, "processes": 2}, id="of other processes"),
        pytest.param({"processes": 1}, id="of an older run"),
        pytest.param({"threads": "many", "processes": 1}, id="edited"),
        pytest.param({"threads": True, "processes": 1}, id="no count"),
        pytest.param([], id="no environment"),
        pytest.param(None, id="missing"),
    ],
)
def test_run_without_such_a_record_has_the_threads_of_the_process(tiny_bert, tmp_path, used, monkeypatch, environment):
    path = write_recipe(tmp_path, tiny_bert)
    run = begin(path, monkeypatch)
    (run / "environment.json").unlink()
    if environment is not None:
        packages = {"packages": {}} if isinstance(environment, dict) else []
        write_json(run / "environment.json", environment | packages if isinstance(environment, dict) else environment)
    before = torch.get_num_threads()
    with monkeypatch.context() as patch:
        patch.setattr("seq2seq.verbs.train.write_report", lambda folder: None)  # which refuses a damaged record
        seq2seq.train(path, resume=True)
    assert used[3:] == [before] * 3


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({}, "PASSIVE"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"),
        ({"GOMP_SPINCOUNT": "1000"}, None),
        ({"KMP_BLOCKTIME": "1"}, None),
    ],
)
def test_threads_wait_asleep_unless_users_say_otherwise(given, policy):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in names} | given
    script = "import seq2seq, os; print(os.environ.get('OMP_WAIT_POLICY'))"
    shown = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout == f"{policy}\n"
