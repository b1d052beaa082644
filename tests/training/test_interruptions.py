"""What a run meets and outlives: signals, steps that are not finite, memory that runs out."""

import math
import os
import signal
from dataclasses import replace

import pytest
import torch

import seq2seq
from seq2seq.base.errors import TrainingError, TrainingInterrupted
from seq2seq.base.files import load_json
from seq2seq.cli import main as cli
from seq2seq.run_folder.steps import list_steps
from seq2seq.runs.run import Run
from seq2seq.training.agreement import Agreement
from seq2seq.training.trainer import Trainer
from tests.training.faults import (
    break_gradients,
    limit_memory,
    limit_validation,
    run_out_in,
    scale_losses,
    send_at_step,
)
from tests.training.runs import hash_weights, read_events, write_pairs

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGUSR1: "SIGUSR1"}


def load_state(folder, step):
    return load_json(folder / f"checkpoints/step_{step:08d}/training/state.json")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signal_ends_the_run_after_its_step_and_the_run_goes_on(recipe, monkeypatch, number):
    whole, path = seq2seq.train(recipe("whole")), recipe("stopped")
    before = signal.getsignal(number)
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted, match=f"{NAMES[number]} came: .* step 3"):
        send_at_step(patch, number.name, 3)
        seq2seq.train(path)
    stopped = path.with_suffix("")
    assert list_steps(stopped) == [3]
    assert [(end["reason"], end["step"]) for end in read_events(stopped, "end")] == [(number.name, 3)]
    assert signal.getsignal(number) is before
    seq2seq.train(path, resume=True)
    assert hash_weights(stopped, 6) == hash_weights(whole, 6)


def test_ctrl_c_is_answered_at_once_and_a_second_one_ends_the_run(recipe, monkeypatch, tmp_path, capfd):
    def run_step(self, bar, run_step=Trainer._run_step):
        run_step(self, bar)
        if self.state.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            assert "the run stops behind this step, with a checkpoint" in capfd.readouterr().err
            os.kill(os.getpid(), signal.SIGINT)

    path = recipe(checkpoint_every_steps=1)
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_run_step", run_step)
        seq2seq.train(path)
    assert list_steps(tmp_path / "run") == [1]  # that of step 2 was not waited for
    assert "is saved as of step 1 and goes on with --resume" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
    assert seq2seq.train(path, resume=True) == tmp_path / "run"  # its lock is gone


def test_launcher_that_passes_ctrl_c_on_as_sigterm_does_not_end_the_run_at_once(recipe, monkeypatch, tmp_path):
    def count(self, *inputs, count=Trainer._count):
        count(self, *inputs)
        if self.state.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted, match="Ctrl-C came"):
        patch.setattr(Trainer, "_count", count)
        seq2seq.train(recipe())
    assert list_steps(tmp_path / "run") == [2]


def test_ctrl_c_before_the_first_step_leaves_a_run_that_begins_again(recipe, monkeypatch, tmp_path, capsys):
    def interrupt(self, resuming):
        os.kill(os.getpid(), signal.SIGINT)

    path = recipe()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "open_folder", interrupt)
        seq2seq.train(path)
    assert "was saved yet; with --resume it begins again" in capsys.readouterr().err
    assert list_steps(seq2seq.train(path, resume=True)) == [6]


def test_run_stopped_in_its_last_step_goes_on_with_what_follows_it(recipe, monkeypatch, tmp_path):
    path = recipe(data={"test": write_pairs(tmp_path / "test.jsonl", 4, start=200)})
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 6)
        seq2seq.train(path)
    assert not (tmp_path / "run/scores.json").exists()
    seq2seq.train(path, resume=True)
    assert (tmp_path / "run/scores.json").exists()
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "max_steps"


def test_run_may_go_on_with_other_micro_batches(recipe, monkeypatch):
    whole, path = seq2seq.train(recipe("whole", model={"dropout": 0.0})), recipe("stopped", model={"dropout": 0.0})
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path)
    changes = ["training.micro_batch_tokens=40", "training.gradient_checkpointing=true"]
    losses = [
        [event["loss"] for event in read_events(run, "train")]
        for run in (whole, seq2seq.train(path, changes, resume=True))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_stopped_run_exits_as_the_signal_would(monkeypatch):
    def stop():
        raise TrainingInterrupted("SIGUSR1 came", signal.SIGUSR1)

    monkeypatch.setattr(cli, "app", stop)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 138  # 128 + 10


def test_step_that_is_not_finite_is_skipped_and_counted(recipe, monkeypatch):
    break_gradients(monkeypatch, {3})
    folder = seq2seq.train(recipe(checkpoint_every_steps=1, keep_checkpoints=9))
    assert hash_weights(folder, 3) == hash_weights(folder, 2)
    assert hash_weights(folder, 4) != hash_weights(folder, 3)
    assert [(event["step"], event["skipped_steps"]) for event in read_events(folder, "skipped")] == [(3, 1)]
    assert [event["step"] for event in read_events(folder, "train")] == [1, 2, 4, 5, 6]
    assert load_state(folder, 6)["skipped_steps"] == 1
    assert load_state(folder, 6)["skipped_in_a_row"] == 0


def test_too_many_steps_that_are_not_finite_end_the_run_with_a_diagnosis(recipe, monkeypatch, tmp_path):
    break_gradients(monkeypatch, {2, 3, 5, 6}, math.nan)
    # Steps 2 and 3 are two in a row, which are allowed; so are 5 and 6; one more than allowed are two.
    seq2seq.train(recipe("allowed", max_skipped_steps=2))
    with pytest.raises(
        TrainingError,
        match=r"Step 3: the loss is \d.* and the gradient norm nan, not finite in 2 steps in a row; they changed no "
        r"weight\. All weights are finite, the largest .* 1 of \d+ gradients are not, the first encoder",
    ):
        seq2seq.train(recipe("broken", max_skipped_steps=1))
    assert read_events(tmp_path / "broken", "end")[-1]["reason"] == "not_finite"


def test_memory_that_runs_out_halves_the_micro_batches_and_repeats_the_step(recipe, monkeypatch, capsys):
    whole = seq2seq.train(recipe("whole", model={"dropout": 0.0}))
    limit_memory(monkeypatch, rows=3)
    folder = seq2seq.train(recipe("tight", model={"dropout": 0.0}))
    for ours, theirs in zip(read_events(folder, "train"), read_events(whole, "train"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["examples"] == theirs["examples"]
    sizes = [event["micro_batch_tokens"] for event in read_events(folder, "out_of_memory")]
    assert sizes == sorted(sizes, reverse=True)
    assert load_state(folder, 6)["micro_batch_tokens"] == sizes[-1]
    assert f"micro-batches of several pairs have at most {sizes[-1]} tokens" in capsys.readouterr().err


def test_run_that_ran_out_of_memory_resumes_with_the_micro_batches_it_had(recipe, monkeypatch):
    with monkeypatch.context() as patch:
        limit_memory(patch, rows=3)
        whole, path = seq2seq.train(recipe("whole")), recipe("stopped")
        send_at_step(patch, "SIGTERM", 3)
        with pytest.raises(TrainingInterrupted):
            seq2seq.train(path)
    seq2seq.train(path, resume=True)  # nothing runs out any more, and the cuts stay
    assert hash_weights(path.with_suffix(""), 6) == hash_weights(whole, 6)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (
            "norm",
            "Step 1: memory ran out in the norm of the gradients. What needs less of it: training.micro_batch_tok",
        ),
        ("clipping", "Step 1: memory ran out in the clipping of the gradients. What needs less of it: training.micro_"),
        ("update", "Step 1: memory ran out in the update: AdamW keeps two numbers"),
        ("averages", "Step 1: memory ran out in the averages of the weights. What needs less .* training.ema_decay"),
    ],
)
def test_memory_that_does_not_hold_a_later_part_of_a_step_ends_the_run(recipe, monkeypatch, tmp_path, part, told):
    run_out_in(monkeypatch, part)
    with pytest.raises(TrainingError, match=told):
        seq2seq.train(recipe(ema_decay=0.9))
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "out_of_memory"
    assert list_steps(tmp_path / "run") == []


def test_memory_that_does_not_hold_the_zeros_of_unused_weights_ends_the_run(recipe, monkeypatch):
    def sum_gradients(*arguments):
        raise MemoryError  # as one process alone meets it, before there is anything to wait for

    monkeypatch.setattr("seq2seq.training.trainer.sum_gradients", sum_gradients)
    with pytest.raises(TrainingError, match="Step 1: memory ran out in the sum of the gradients over all processes"):
        seq2seq.train(recipe())


@pytest.mark.parametrize("part", ["norm", "clipping"])
def test_sharded_process_without_memory_behind_its_micro_batches_tells_alone(recipe, monkeypatch, part):
    monkeypatch.setattr("seq2seq.training.trainer.is_sharded", lambda model: True)
    run_out_in(monkeypatch, part)
    with pytest.raises(TrainingError, match=f"Step 1: memory ran out in the {part} of the gradients"):
        seq2seq.train(recipe())


def test_error_in_a_later_part_of_a_step_that_is_not_about_memory_is_raised_as_it_is(recipe, monkeypatch):
    def step(self, *arguments, **options):
        raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED.")

    monkeypatch.setattr("torch.optim.AdamW.step", step)
    with pytest.raises(RuntimeError, match="CUDNN_STATUS_NOT_SUPPORTED"):
        seq2seq.train(recipe())


def test_command_whose_memory_runs_out_ends_with_words_and_a_1(recipe, monkeypatch, capsys):
    run_out_in(monkeypatch, "norm")
    monkeypatch.setattr("sys.argv", ["seq2seq", "train", str(recipe())])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "TrainingError: Step 1: memory ran out in the norm of the gradients" in " ".join(shown.split())
    assert "Traceback" not in shown


def test_validation_without_memory_is_done_again_in_smaller_batches(recipe, monkeypatch, tmp_path, capsys):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 9, start=100)}
    whole = seq2seq.train(recipe("whole", data=data, validate_every_steps=3))
    limit_validation(monkeypatch, rows=2)
    folder = seq2seq.train(recipe("tight", data=data, validate_every_steps=3))
    for figure in ("loss", "source_gain"):
        losses = [[event[figure] for event in read_events(run, "validation")] for run in (whole, folder)]
        assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert hash_weights(folder, 6) == hash_weights(whole, 6)
    shown = capsys.readouterr().err
    assert "Validation at step 3: memory ran out. From here on its batches of several pairs have at most" in shown
    assert "Validation at step 6: memory ran out" not in shown


def test_validation_that_does_not_fit_in_single_pairs_ends_the_run(recipe, monkeypatch, tmp_path):
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 9, start=100)}
    limit_validation(monkeypatch, rows=0)
    with pytest.raises(
        TrainingError, match="Validation at step 6: memory ran out. What needs less of it: training.precision: bf16"
    ):
        seq2seq.train(recipe(data=data))
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "out_of_memory"


def test_error_in_a_validation_that_is_not_about_memory_is_raised_as_it_is(recipe, monkeypatch, tmp_path):
    def refuse(*arguments):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("seq2seq.runs.validation.compute_validation_loss", refuse)
    data = {"validation": write_pairs(tmp_path / "validation.jsonl", 9, start=100)}
    with pytest.raises(RuntimeError, match="illegal memory access"):
        seq2seq.train(recipe(data=data))


def test_step_that_another_process_had_no_memory_for_is_repeated_with_the_same_scale_of_the_loss(recipe, monkeypatch):
    whole = seq2seq.train(recipe("whole", model={"dropout": 0.0}, max_steps=1))
    scale_losses(monkeypatch)
    words = []

    def exchange(self, *arguments, exchange=Agreement.exchange, **options):
        words.append(exchange(self, *arguments, **options))
        return replace(words[-1], out_of_memory=1) if len(words) == 1 else words[-1]

    monkeypatch.setattr(Agreement, "exchange", exchange)
    folder = seq2seq.train(recipe("repeated", model={"dropout": 0.0}, max_steps=1))
    (event,) = read_events(whole, "train")
    assert [word.gradient_norm for word in words] == pytest.approx([event["gradient_norm"]] * 2, rel=1e-5)
    assert load_state(folder, 1)["loss_scaler"]["scale"] == 8


def test_memory_that_runs_out_before_a_loss_was_scaled_repeats_the_step(recipe, monkeypatch):
    scale_losses(monkeypatch)
    limit_memory(monkeypatch, rows=4)
    folder = seq2seq.train(recipe(max_steps=1))
    assert read_events(folder, "out_of_memory")
    assert load_state(folder, 1)["loss_scaler"]["scale"] == 8


@pytest.mark.parametrize("part", ["norm", "clipping", "update"])
def test_process_of_several_that_scales_its_losses_ends_in_words_too(recipe, monkeypatch, part):
    monkeypatch.setattr(Agreement, "is_alone", False)
    scale_losses(monkeypatch)
    run_out_in(monkeypatch, part)
    with pytest.raises(TrainingError, match=f"Step 1: memory ran out in the {part}"):
        seq2seq.train(recipe())


def test_memory_that_does_not_hold_one_pair_ends_the_run(recipe, monkeypatch, tmp_path):
    limit_memory(monkeypatch, rows=0)
    with pytest.raises(
        TrainingError, match="Step 1: memory ran out with a single pair in a micro-batch. What needs less"
    ):
        seq2seq.train(recipe())
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "out_of_memory"


def test_one_pair_that_never_fits_ends_the_run_however_short_the_others_are(recipe, monkeypatch, tmp_path):
    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        if micro_batch["labels"].shape[1] > 7:  # seven words and the end mark
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return backward(self, micro_batch, target_tokens, dropout_key)

    monkeypatch.setattr(Trainer, "_backward", backward)
    with pytest.raises(TrainingError, match="memory ran out with a single pair in a micro-batch"):
        seq2seq.train(recipe(batch_examples=40))
    assert len(read_events(tmp_path / "run", "out_of_memory")) <= 6  # so often halved, 40 pairs are single ones


def test_larger_micro_batches_of_the_recipe_hold_again_after_memory_ran_out(recipe, monkeypatch):
    path = recipe(model={"dropout": 0.0})
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        limit_memory(patch, rows=3)
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path)
    assert load_state(path.with_suffix(""), 3)["micro_batch_tokens"] < 100
    folder = seq2seq.train(path, ["training.micro_batch_tokens=4096"], resume=True)
    assert load_state(folder, 6)["micro_batch_tokens"] is None


def test_error_that_is_not_about_memory_is_raised_as_it_is(recipe, monkeypatch):
    def backward(self, *inputs):
        raise RuntimeError("the shapes do not fit")

    monkeypatch.setattr(Trainer, "_backward", backward)
    with pytest.raises(RuntimeError, match="the shapes do not fit"):
        seq2seq.train(recipe())


def test_skipped_first_step_of_a_thawed_part_can_be_resumed_from(recipe, monkeypatch):
    settings = {"freeze": {"encoder": 2}}
    break_gradients(monkeypatch, {3})
    whole, path = seq2seq.train(recipe("whole", **settings)), recipe("stopped", **settings)
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 3)
        seq2seq.train(path)
    seq2seq.train(path, resume=True)
    assert hash_weights(path.with_suffix(""), 6) == hash_weights(whole, 6)


def test_sharded_process_that_runs_out_of_memory_says_what_to_set(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr("seq2seq.training.trainer.is_sharded", lambda model: True)
    limit_memory(monkeypatch, rows=3)
    with pytest.raises(
        TrainingError,
        match=r"Step 1: memory ran out. Sharded processes cannot repeat a step: lower training.micro_batch_tokens "
        r"\(now 8192\) and go on with --resume",
    ):
        seq2seq.train(recipe())
    assert read_events(tmp_path / "run", "end")[-1]["reason"] == "out_of_memory"
