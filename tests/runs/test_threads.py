"""Threads: chosen once, recorded, and taken again by a run that goes on."""

import pytest
import torch

import seq2seq
from seq2seq.base.cores import CoreTimes
from seq2seq.base.errors import TrainingInterrupted
from seq2seq.base.files import load_json, write_json
from seq2seq.runs import threads as threads_module
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
    assert f"The run had {before + 1} threads and goes on with as many" in capsys.readouterr().err


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


@pytest.mark.parametrize(("free", "threads"), [(2.9, 3), (1.2, 1), (0.2, 1), (None, 3)])
def test_run_begins_with_a_thread_for_each_free_core(tiny_bert, tmp_path, used, monkeypatch, capsys, free, threads):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("seq2seq.runs.threads._count_free_cores", lambda: free)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        run = seq2seq.train(write_recipe(tmp_path, tiny_bert))
    finally:
        torch.set_num_threads(before)
    assert used == [threads] * 6
    assert load_json(run / "environment.json")["threads"] == threads
    told = "Others use this machine: the run computes with 1 thread, for as many of 3 cores are free."
    assert (told in capsys.readouterr().err) == (threads == 1)


def test_free_cores_are_those_since_the_package_was_loaded_or_since_a_moment_ago(monkeypatch):
    now = CoreTimes(clock=100.0, idle=50.0, own=2.0)
    monkeypatch.setattr(threads_module.CoreTimes, "read", classmethod(lambda cls: now))
    monkeypatch.setattr(threads_module, "AT_IMPORT", CoreTimes(clock=96.0, idle=46.0, own=0.0))
    assert threads_module._count_free_cores() == 1.5
    monkeypatch.setattr(threads_module, "AT_IMPORT", CoreTimes(clock=1.0, idle=0.0, own=0.0))  # a notebook's
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        later = CoreTimes(clock=101.0, idle=50.5, own=2.25)
        monkeypatch.setattr(threads_module.CoreTimes, "read", classmethod(lambda cls: later))

    monkeypatch.setattr(threads_module.time, "sleep", sleep)
    assert threads_module._count_free_cores() == 0.75
    assert slept == [1.0]


def test_default_that_users_name_is_not_changed(tiny_bert, tmp_path, used, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr("seq2seq.runs.threads._count_free_cores", lambda: 1.0)
    before = torch.get_num_threads()
    seq2seq.train(write_recipe(tmp_path, tiny_bert))
    assert used == [before] * 6
