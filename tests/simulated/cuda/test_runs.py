"""Runs of the trainer on a simulated CUDA device: float32 is the CPU's bit for bit, fp16 has a scaler that works."""

import json
import re
from functools import partial

import pytest
import torch

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.training.trainer import Trainer
from tests.simulated.cuda.device import on_the_cpu
from tests.simulated.runs import CUT, RUNS, read_figures, read_last
from tests.training.faults import break_gradients
from tests.training.runs import copy_up_to_step_3, hash_weights, read_events, write_pairs, write_recipe

NO_DROPOUT = {"dropout": 0.0}
SCALE = 2.0**16  # torch's first one


@pytest.fixture
def recipe(tiny_bert, tmp_path):
    """A function that writes a recipe file with changes to training and returns its path."""
    return partial(write_recipe, tmp_path, tiny_bert)


def read_scaler(run, step) -> dict[str, float]:
    state = json.loads((run / f"checkpoints/step_{step:08d}/training/state.json").read_text())
    return state["loss_scaler"]


def begin_with_scale(monkeypatch, scale) -> None:
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=scale))


def train_on_the_cpu(path):
    with on_the_cpu():
        return seq2seq.train(path)


def test_run_is_on_the_device(recipe, monkeypatch):
    seen = set()

    def backward(self, *inputs, backward=Trainer._backward):
        seen.update(parameter.device for parameter in self.model.parameters())
        return backward(self, *inputs)

    monkeypatch.setattr(Trainer, "_backward", backward)
    run = seq2seq.train(recipe(max_steps=1))
    assert seen == {torch.device("cuda:0")}
    assert json.loads((run / "environment.json").read_text())["device"] == "Simulated"


def test_batch_that_stays_on_the_cpu_fails(recipe, monkeypatch):
    for user in ("seq2seq.training.trainer", "seq2seq.data.loader"):
        monkeypatch.setattr(f"{user}.move_batch", lambda batch, device: batch)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        seq2seq.train(recipe(max_steps=1))


@pytest.mark.parametrize("run", RUNS)
def test_run(recipe, run):
    changes = {"model": NO_DROPOUT} | RUNS[run]
    there = seq2seq.train(recipe("there", **changes))
    plain = train_on_the_cpu(recipe("plain", **changes))
    assert read_figures(there) == read_figures(plain)
    assert read_last(there) == read_last(plain)


@pytest.mark.parametrize("plan", ["bertshare", "bert2rnd"])
def test_run_of_another_plan(recipe, plan):
    changes = {"model": NO_DROPOUT | {"plan": plan}, "max_steps": 3}
    there = seq2seq.train(recipe("there", **changes))
    plain = train_on_the_cpu(recipe("plain", **changes))
    assert read_figures(there) == read_figures(plain)
    assert hash_weights(there, 3) == hash_weights(plain, 3)


def test_run_with_validations_and_texts(recipe, tmp_path):
    pairs = write_pairs(tmp_path / "validation.jsonl", 9, start=100)
    changes = {
        "model": NO_DROPOUT,
        "data": {"validation": pairs, "test": pairs},
        "validate_every_steps": 2,
        "validation_metrics": ["loss", "chrf"],
    }
    there = seq2seq.train(recipe("there", **changes))
    plain = train_on_the_cpu(recipe("plain", **changes))
    values = [
        [(row["loss"], row["chrf"], row["samples"]) for row in read_events(run, "validation")] for run in (there, plain)
    ]
    assert len(values[0]) == 3
    assert values[0] == values[1]
    predictions = [(run / "predictions/test.jsonl").read_text() for run in (there, plain)]
    assert predictions[0] == predictions[1]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_resumed_run(recipe, precision):
    changes = CUT | {"model": NO_DROPOUT, "checkpoint_every_steps": 3, "precision": precision}
    whole = seq2seq.train(recipe("whole", **changes))
    path = recipe("resumed", **changes)
    copy_up_to_step_3(whole, path.with_suffix(""))
    resumed = seq2seq.train(path, resume=True)
    assert read_last(resumed) == read_last(whole)
    assert read_figures(resumed) == read_figures(whole)


@pytest.mark.parametrize("begun", ["there", "on the CPU"])
def test_run_goes_on_on_the_other_device(recipe, begun):
    changes = CUT | {"model": NO_DROPOUT, "checkpoint_every_steps": 3}
    plain = train_on_the_cpu(recipe("plain", **changes))
    path = recipe("resumed", **changes)
    if begun == "on the CPU":
        copy_up_to_step_3(plain, path.with_suffix(""))
        resumed = seq2seq.train(path, resume=True)
    else:
        copy_up_to_step_3(seq2seq.train(recipe("there", **changes)), path.with_suffix(""))
        with on_the_cpu():
            resumed = seq2seq.train(path, resume=True)
    assert read_last(resumed) == read_last(plain)


@pytest.mark.parametrize(("precision", "loss", "norm"), [("bf16", 0.01, 0.05), ("fp16", 0.002, 0.02)])
def test_run_in_mixed_precision_is_close_to_float32(recipe, precision, loss, norm):
    changes = CUT | {"model": NO_DROPOUT}
    plain = read_figures(seq2seq.train(recipe("plain", **changes)))
    mixed = read_figures(seq2seq.train(recipe("mixed", **changes, precision=precision)))
    assert mixed != plain
    for found, expected in zip(mixed, plain, strict=True):
        assert found == (pytest.approx(expected[0], rel=loss), pytest.approx(expected[1], rel=norm))


def test_fp16_without_the_device_is_refused(recipe):
    with on_the_cpu(), pytest.raises(TrainingError, match="fp16 needs a GPU"):
        seq2seq.train(recipe(precision="fp16"))


def test_scale_stays_where_nothing_overflows(recipe):
    run = seq2seq.train(recipe(precision="fp16"))
    assert not read_events(run, "skipped")
    assert read_scaler(run, 6)["scale"] == SCALE
    assert read_scaler(run, 6)["_growth_tracker"] == 6


def test_scale_has_no_say_in_what_is_learned(recipe, monkeypatch):
    # A power of two is taken off again without rounding, where nothing leaves the range of fp16.
    changes = CUT | {"model": NO_DROPOUT, "precision": "fp16"}
    usual = seq2seq.train(recipe("usual", **changes))
    begin_with_scale(monkeypatch, SCALE / 4)
    other = seq2seq.train(recipe("other", **changes))
    assert read_scaler(other, 6)["scale"] == SCALE / 4
    for found, expected in zip(read_figures(other), read_figures(usual), strict=True):
        assert found == pytest.approx(expected, rel=1e-3)


def test_overflow_skips_the_step_and_halves_the_scale(recipe, monkeypatch):
    break_gradients(monkeypatch, {2})
    run = seq2seq.train(recipe(precision="fp16", checkpoint_every_steps=1, keep_checkpoints=6))
    assert [row["step"] for row in read_events(run, "skipped")] == [2]
    assert [read_scaler(run, step)["scale"] for step in range(1, 7)] == [SCALE, *[SCALE / 2] * 5]
    assert [read_scaler(run, step)["_growth_tracker"] for step in range(1, 7)] == [1, 0, 1, 2, 3, 4]
    assert hash_weights(run, 1) == hash_weights(run, 2) != hash_weights(run, 3)


def test_scale_too_large_for_fp16_is_halved_until_the_gradients_fit(recipe, monkeypatch):
    begin_with_scale(monkeypatch, 2.0**22)
    run = seq2seq.train(recipe(precision="fp16", max_steps=12, model=NO_DROPOUT))
    skipped = [row["step"] for row in read_events(run, "skipped")]
    assert skipped
    assert skipped == list(range(1, len(skipped) + 1))
    assert len(skipped) < 12
    assert read_scaler(run, 12)["scale"] == 2.0 ** (22 - len(skipped))
    assert re.match(r"the loss is \d.* and the gradient norm (inf|nan)", read_events(run, "skipped")[0]["found"])


def test_resume_restores_the_scale(recipe, monkeypatch):
    changes = {"model": NO_DROPOUT, "precision": "fp16", "checkpoint_every_steps": 3}
    with monkeypatch.context() as patch:
        break_gradients(patch, {2})
        whole = seq2seq.train(recipe("whole", **changes))
    path = recipe("resumed", **changes)
    copy_up_to_step_3(whole, path.with_suffix(""))
    assert read_scaler(path.with_suffix(""), 3)["scale"] == SCALE / 2
    resumed = seq2seq.train(path, resume=True)
    assert read_scaler(resumed, 6) == read_scaler(whole, 6)
    assert read_scaler(resumed, 6)["scale"] == SCALE / 2
    assert read_last(resumed) == read_last(whole)
