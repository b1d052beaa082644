"""Steps of a run on a simulated GPU: losses and weights of the CPU bit for bit, one wait, no copy that was not pinned.

What a micro-batch alone is waited for is in test_micro_batch.py.
"""

from functools import partial
from unittest import mock

import pytest
import torch
from accelerate import Accelerator

import seq2seq
from seq2seq.data.collation import move_batch
from seq2seq.data.loader import StepLoader
from seq2seq.training import replicas
from seq2seq.training.agreement import Agreement
from seq2seq.training.trainer import Trainer
from seq2seq.training.validation import compute_validation_loss
from tests.batches import build_batch
from tests.simulated.device import COUNTS, DEVICE, move, simulating, training_there
from tests.simulated.runs import CUT, RUNS, read_figures, read_last
from tests.training.faults import break_gradients, limit_memory
from tests.training.runs import copy_up_to_step_3, read_events, write_recipe


@pytest.fixture
def recipe(tiny_bert, tmp_path):
    """A function that writes a recipe file with changes to training and returns its path."""
    return partial(write_recipe, tmp_path, tiny_bert)


@pytest.fixture
def steps(monkeypatch) -> list:
    """What was counted in each step of the runs that follow, with all that comes behind it, but for the last."""
    seen = []
    begun = []

    def run_step(self, bar, run_step=Trainer._run_step):
        if begun:
            seen.append(COUNTS.copy() - begun.pop())
        if self.state.step + 1 < self.max_steps:
            begun.append(COUNTS.copy())
        run_step(self, bar)

    monkeypatch.setattr(Trainer, "_run_step", run_step)
    return seen


def check_steps(steps, *, count):
    """One wait in each, for the word of the step, and no copy from memory that is not pinned."""
    assert len(steps) == count
    for step in steps:
        (place,) = step.waits
        assert place.startswith("tolist at training/agreement.py"), step.waits
        assert step.waits[place] == 1
        assert not step.unpinned


@pytest.mark.parametrize("run", RUNS)
def test_run(recipe, steps, run):
    changes = {"model": {"dropout": 0.0}} | RUNS[run]
    plain = seq2seq.train(recipe("plain", **changes))
    steps.clear()
    with training_there():
        there = seq2seq.train(recipe("there", **changes))
    assert read_figures(there) == read_figures(plain)
    assert read_last(there) == read_last(plain)
    check_steps(steps, count=5)


def test_next_step_is_on_the_device_before_the_last_one_is_waited_for(recipe, monkeypatch):
    events = []

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        is_there = {tensor.device == DEVICE for tensor in micro_batch.values()}
        events.append((dropout_key[0], dropout_key[-1], is_there))
        return backward(self, micro_batch, target_tokens, dropout_key)

    def build(self, batch, position, build=StepLoader._build_step):
        events.append(f"put together: batch {position[0] * 5 + position[1]}")  # 40 pairs are 5 batches of 8
        return build(self, batch, position)

    def exchange(self, number, *arguments, exchange=Agreement.exchange, **options):
        events.append(f"waited for: step {number}")
        return exchange(self, number, *arguments, **options)

    monkeypatch.setattr(Trainer, "_backward", backward)
    monkeypatch.setattr(StepLoader, "_build_step", build)
    monkeypatch.setattr(Agreement, "exchange", exchange)
    with training_there():
        seq2seq.train(recipe())
    expected = ["put together: batch 1"]
    for step in range(1, 7):
        expected.append((step, 0, {True}))
        if step < 6:
            expected.append(f"put together: batch {step + 1}")
        expected.append(f"waited for: step {step}")
    assert events == expected


def test_run_on_several_processes(recipe, steps, monkeypatch):
    # Others that give zeros: what is sent and fetched is the network's, for which a GPU alone waits.
    plain = seq2seq.train(recipe("plain", model={"dropout": 0.0}, **CUT))
    steps.clear()
    monkeypatch.setattr(Agreement, "is_alone", False)
    monkeypatch.setattr(replicas, "_is_alone", lambda: False)
    for name in ("broadcast", "all_reduce"):
        monkeypatch.setattr(torch.distributed, name, mock.Mock())
    with training_there():
        there = seq2seq.train(recipe("there", model={"dropout": 0.0}, **CUT))
    assert torch.distributed.all_reduce.called
    assert read_figures(there) == read_figures(plain)
    assert read_last(there) == read_last(plain)
    check_steps(steps, count=5)


def test_run_with_dropout(recipe, steps):
    # The device's numbers are drawn on the CPU here, in the CPU's order.
    plain = seq2seq.train(recipe("plain", **CUT))
    steps.clear()
    with training_there():
        there = seq2seq.train(recipe("there", **CUT))
    assert read_figures(there) == read_figures(plain)
    check_steps(steps, count=5)


def test_resumed_run(recipe, steps):
    changes = CUT | {"checkpoint_every_steps": 3}
    plain = seq2seq.train(recipe("plain", model={"dropout": 0.0}, **changes))
    path = recipe("there", model={"dropout": 0.0}, **changes)
    copy_up_to_step_3(plain, path.with_suffix(""))
    steps.clear()
    with training_there():
        there = seq2seq.train(path, resume=True)
    assert read_last(there) == read_last(plain)
    check_steps(steps, count=2)


def test_step_that_is_skipped(recipe, steps, monkeypatch):
    break_gradients(monkeypatch, {2})
    with training_there():
        run = seq2seq.train(recipe(**CUT))
    assert [row["step"] for row in read_events(run, "skipped")] == [2]
    check_steps(steps, count=5)


def test_step_that_is_repeated_for_lack_of_memory_waits_once_a_time(recipe, steps, monkeypatch):
    limit_memory(monkeypatch, rows=4)
    with training_there():
        run = seq2seq.train(recipe())
    times = len(read_events(run, "out_of_memory"))
    assert times
    waits = sum(step.waits.total() for step in steps)
    assert waits == 5 + times


def test_validation_waits_once(started):
    batches = [build_batch(padded, started.model.source_pad_id) for padded in (True, False)]
    loss = compute_validation_loss(started.model, batches, Accelerator(cpu=True))
    with training_there() as counts:
        accelerator = Accelerator(cpu=True)
        move(started.model)
        counts.clear()
        assert compute_validation_loss(started.model, batches, accelerator) == loss
        assert counts.waits.total() == 1
        assert not counts.unpinned


def test_wait_and_copy_that_come_to_a_micro_batch_are_seen(recipe, steps, monkeypatch):
    def backward(self, micro_batch, *rest, backward=Trainer._backward):
        sum_of_losses = backward(self, micro_batch, *rest)
        sum_of_losses.item()
        torch.tensor([1.0], device=DEVICE)
        torch.zeros(2).to(DEVICE)
        return sum_of_losses

    monkeypatch.setattr(Trainer, "_backward", backward)
    with training_there():
        seq2seq.train(recipe())
    for step in steps:
        assert step.waits.total() == 2
        assert step.unpinned.total() == 2


def test_copy_from_pinned_memory_that_blocks_is_waited_for():
    with simulating() as counts:
        torch.zeros(2).pin_memory().to(DEVICE)
        assert (counts.waits.total(), counts.unpinned.total()) == (1, 0)
        torch.zeros(2).pin_memory().to(DEVICE, non_blocking=True)
        assert (counts.waits.total(), counts.unpinned.total()) == (1, 0)


def test_batch_for_the_cpu_is_not_pinned(monkeypatch):
    def refuse(self):
        raise RuntimeError("Cannot access accelerator device when none is available.")

    monkeypatch.setattr(torch.Tensor, "pin_memory", refuse)
    labels = torch.ones(2, 3)
    assert move_batch({"labels": labels}, torch.device("cpu"))["labels"] is labels
