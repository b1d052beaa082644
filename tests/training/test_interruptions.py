"""What a run meets and outlives: signals, steps that are not finite, memory that runs out."""

import os
import signal

import pytest
import torch

from seq2seq import api
from seq2seq.checkpoints.find import list_steps
from seq2seq.cli import main as cli
from seq2seq.errors import TrainingError, TrainingInterrupted
from seq2seq.files import load_json
from seq2seq.reports.run_folder import RunFolder
from seq2seq.training.trainer import Trainer
from tests.training.runs import hash_weights, read_events


def load_state(folder, step):
    return load_json(folder / f"checkpoints/step_{step:08d}/training/state.json")


def send_at(monkeypatch, number, step):
    """Sends this process a signal while the step's line is written."""

    def append(self, event, append=RunFolder.append_progress):
        append(self, event)
        if event["event"] == "train" and event["step"] == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(RunFolder, "append_progress", append)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_signal_ends_the_run_after_its_step_and_the_run_goes_on(recipe, monkeypatch, number):
    whole, path = api.train(recipe("whole")), recipe("stopped")
    before = signal.getsignal(number)
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted, match=f"{number.name} came: .* step 3"):
        send_at(patch, number, 3)
        api.train(path)
    stopped = path.with_suffix("")
    assert list_steps(stopped) == [3]
    assert [(end["reason"], end["step"]) for end in read_events(stopped, "end")] == [(number.name, 3)]
    assert signal.getsignal(number) is before
    api.train(path, resume=True)
    assert hash_weights(stopped, 6) == hash_weights(whole, 6)


def test_signal_in_the_last_step_is_a_finished_run(recipe, monkeypatch):
    send_at(monkeypatch, signal.SIGTERM, 6)
    assert read_events(api.train(recipe()), "end")[-1]["reason"] == "max_steps"


def test_stopped_run_exits_as_the_signal_would(monkeypatch):
    def stop():
        raise TrainingInterrupted("SIGUSR1 came", signal.SIGUSR1)

    monkeypatch.setattr(cli, "app", stop)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 138  # 128 + 10


def break_gradients(monkeypatch, steps):
    """Makes a gradient infinite in some steps."""

    def backward(self, micro_batch, target_tokens, place, backward=Trainer._backward):
        loss = backward(self, micro_batch, target_tokens, place)
        if place[0] in steps:
            next(self.model.parameters()).grad[0, 0] = float("inf")
        return loss

    monkeypatch.setattr(Trainer, "_backward", backward)


def test_step_that_is_not_finite_is_skipped_and_counted(recipe, monkeypatch):
    break_gradients(monkeypatch, {3})
    folder = api.train(recipe(checkpoint_every_steps=1, keep_checkpoints=9))
    assert hash_weights(folder, 3) == hash_weights(folder, 2)
    assert hash_weights(folder, 4) != hash_weights(folder, 3)
    assert [(event["step"], event["skipped_steps"]) for event in read_events(folder, "skipped")] == [(2, 1)]
    assert [event["step"] for event in read_events(folder, "train")] == [1, 2, 4, 5, 6]
    assert load_state(folder, 6)["skipped_steps"] == 1
    assert load_state(folder, 6)["skipped_in_a_row"] == 0


def test_too_many_steps_that_are_not_finite_end_the_run_with_a_diagnosis(recipe, monkeypatch, tmp_path):
    break_gradients(monkeypatch, {2, 3, 5, 6})
    # Steps 2 and 3 are two in a row, which are allowed; so are 5 and 6; one more than allowed are two.
    api.train(recipe("allowed", max_skipped_steps=2))
    with pytest.raises(
        TrainingError,
        match=r"Step 3: the loss is \d.* and the gradient norm inf, not finite in 2 steps in a row; they changed no "
        r"weight\. All weights are finite, the largest .* 1 of \d+ gradients are not, the first encoder",
    ):
        api.train(recipe("broken", max_skipped_steps=1))
    assert read_events(tmp_path / "broken", "end")[-1]["reason"] == "not_finite"


def limit_memory(monkeypatch, rows):
    """Lets memory run out wherever a micro-batch has more rows."""

    def backward(self, micro_batch, target_tokens, place, backward=Trainer._backward):
        if len(micro_batch["labels"]) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return backward(self, micro_batch, target_tokens, place)

    monkeypatch.setattr(Trainer, "_backward", backward)


def test_memory_that_runs_out_halves_the_micro_batches_and_repeats_the_step(recipe, monkeypatch, capsys):
    whole = api.train(recipe("whole", model={"dropout": 0.0}))
    limit_memory(monkeypatch, rows=3)
    folder = api.train(recipe("tight", model={"dropout": 0.0}))
    for ours, theirs in zip(read_events(folder, "train"), read_events(whole, "train"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["examples"] == theirs["examples"]
    sizes = [event["micro_batch_tokens"] for event in read_events(folder, "out_of_memory")]
    assert sizes == sorted(sizes, reverse=True)
    assert load_state(folder, 6)["micro_batch_tokens"] == sizes[-1]
    assert f"a micro-batch has at most {sizes[-1]} tokens" in capsys.readouterr().err


def test_run_that_ran_out_of_memory_resumes_with_the_micro_batches_it_had(recipe, monkeypatch):
    with monkeypatch.context() as patch:
        limit_memory(patch, rows=3)
        whole, path = api.train(recipe("whole")), recipe("stopped")
        send_at(patch, signal.SIGTERM, 3)
        with pytest.raises(TrainingInterrupted):
            api.train(path)
    api.train(path, resume=True)  # nothing runs out any more, and the cuts stay
    assert hash_weights(path.with_suffix(""), 6) == hash_weights(whole, 6)


def test_memory_that_does_not_hold_one_pair_ends_the_run(recipe, monkeypatch, tmp_path):
    limit_memory(monkeypatch, rows=0)
    with pytest.raises(
        TrainingError, match="Step 1: memory ran out with a single pair in a micro-batch. What needs less"
    ):
        api.train(recipe())
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "out_of_memory"


def test_error_that_is_not_about_memory_is_raised_as_it_is(recipe, monkeypatch):
    def backward(self, *inputs):
        raise RuntimeError("the shapes do not fit")

    monkeypatch.setattr(Trainer, "_backward", backward)
    with pytest.raises(RuntimeError, match="the shapes do not fit"):
        api.train(recipe())
