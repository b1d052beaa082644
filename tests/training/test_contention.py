"""Threads that lose their cores while a run trains: noticed by the rate and the machine's figures, and left."""

import os

import pytest
import torch

import seq2seq
from seq2seq.base.cores import CoreTimes
from seq2seq.base.files import load_json_lines
from seq2seq.training import contention
from seq2seq.training.contention import EVENT, Contention
from seq2seq.training.trainer import Trainer
from tests.training.faults import send_at_step
from tests.training.runs import write_recipe

STEPS = contention.STEPS


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many free cores; a window takes a second of its clock."""

    class Machine:
        free = 2.0
        clock = 0.0
        idle = 0.0

        def read(self):
            self.clock += 1
            self.idle += self.free
            return CoreTimes(self.clock, self.idle, 0.0)

    found = Machine()
    monkeypatch.setattr(contention, "CoreTimes", found)
    return found


def run_window(watched, rate):
    """The answers to the steps of a window of so many tokens a second."""
    return [watched.count_step(rate, 1.0) for _ in range(STEPS)]


def test_threads_that_share_cores_are_left(machine):
    watched = Contention(4)
    machine.free = 4.0
    assert run_window(watched, 100) + run_window(watched, 90) == [None] * (2 * STEPS)
    machine.free = 2.1
    assert run_window(watched, 33) == [None] * (STEPS - 1) + [2]
    assert run_window(watched, 33) == [None] * STEPS  # two threads, two cores
    machine.free = 0.4
    assert run_window(watched, 33)[-1] == 1
    assert run_window(watched, 1) == [None] * STEPS  # fewer there are not


def test_fewer_threads_than_before_even_where_the_figures_round_up(machine):
    watched = Contention(2)
    run_window(watched, 100)
    machine.free = 1.45
    assert run_window(watched, 10)[-1] == 1


@pytest.mark.parametrize(
    ("rate", "free"),
    [
        pytest.param(10, 1.6, id="slower for another reason"),
        pytest.param(34, 0.5, id="not that much slower"),
    ],
)
def test_threads_stay(machine, rate, free):
    watched = Contention(2)
    run_window(watched, 100)
    machine.free = free
    assert run_window(watched, rate) == [None] * STEPS


def test_nothing_is_left_where_the_machine_does_not_tell(monkeypatch):
    monkeypatch.setattr(contention.CoreTimes, "read", classmethod(lambda cls: None))
    watched = Contention(2)
    run_window(watched, 100)
    assert run_window(watched, 1) == [None] * STEPS


class LosesCores:
    """Finds after the second step that one thread has a core."""

    def __init__(self, threads):
        self.steps = 0

    def count_step(self, tokens, seconds):
        self.steps += 1
        return 1 if self.steps == 2 else None


@pytest.fixture
def lost_cores(monkeypatch):
    """Two threads of the machine's own, one of which loses its core in step 2; the threads of each step."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("seq2seq.runs.threads._count_free_cores", lambda: 2.0)
    monkeypatch.setattr("seq2seq.training.contention.Contention", LosesCores)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = []

    def run_step(self, bar, run_step=Trainer._run_step):
        seen.append(torch.get_num_threads())
        run_step(self, bar)

    monkeypatch.setattr(Trainer, "_run_step", run_step)
    yield seen
    torch.set_num_threads(before)


def test_run_goes_on_with_the_threads_that_have_cores(tiny_bert, tmp_path, lost_cores, capsys):
    run = seq2seq.train(write_recipe(tmp_path, tiny_bert))
    assert lost_cores == [2, 2, 1, 1, 1, 1]
    assert torch.get_num_threads() == 2  # after the run
    events = [event for event in load_json_lines(run / "progress.jsonl") if event["event"] == EVENT]
    assert [(event["step"], event["threads"]) for event in events] == [(2, 1)]
    assert "Step 2: others have come to use this machine." in capsys.readouterr().err


def test_resumed_run_has_the_threads_it_was_left_with(tiny_bert, tmp_path, lost_cores, monkeypatch):
    path = write_recipe(tmp_path, tiny_bert)
    with monkeypatch.context() as patch, pytest.raises(seq2seq.base.errors.TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path)
    seq2seq.train(path, resume=True)
    assert lost_cores == [2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("said", ["training.threads", "OMP_NUM_THREADS"])
def test_threads_that_users_name_stay(tiny_bert, tmp_path, lost_cores, monkeypatch, said):
    path = write_recipe(tmp_path, tiny_bert)
    if said in os.environ or said.isupper():
        monkeypatch.setenv(said, "2")
        seq2seq.train(path)
    else:
        seq2seq.train(path, ["training.threads=2"])
    assert lost_cores == [2] * 6
