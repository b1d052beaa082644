"""How many kernels a step of the trainer starts on a GPU, in bf16 under CUDA's rules of autocast."""

from collections import Counter

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

import seq2seq
from seq2seq.training.trainer import Trainer
from tests.conftest import save_bert
from tests.simulated.kernels import starts_kernel
from tests.training.runs import write_pairs, write_recipe

LAYERS = 12
MOST = 1950  # calls, of 12 layers a side


class Calls(TorchDispatchMode):
    """Counts the operations that start a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[str(function)] += starts_kernel(function)
        return function(*args, **(kwargs or {}))


class Attention(torch.autograd.Function):
    """Of scaled dot products: one kernel there and one back, where this device takes it apart."""

    calls: Calls | None = None

    @staticmethod
    def forward(ctx, query, key, value, options):
        Attention.calls.counts["attention"] += 1
        inputs = [tensor.detach().requires_grad_() for tensor in (query, key, value)]
        with _disable_current_modes(), torch.enable_grad():
            ctx.computed = inputs, ATTENTION(*inputs, **options)
        return ctx.computed[1].detach()

    @staticmethod
    def backward(ctx, gradient):
        Attention.calls.counts["attention backward"] += 1
        inputs, output = ctx.computed
        with _disable_current_modes():
            return *torch.autograd.grad(output, inputs, gradient), None


ATTENTION = functional.scaled_dot_product_attention


def attend(query, key, value, **options):
    if Attention.calls is None:
        return ATTENTION(query, key, value, **options)
    return Attention.apply(query, key, value, options)


@pytest.fixture
def count_steps(tmp_path, monkeypatch):
    """A function that trains two steps of one padded micro-batch with dropout, and gives the counts of each."""

    def count_steps(**training):
        bert = save_bert(tmp_path / "bert", num_hidden_layers=LAYERS)
        counts = []

        def update(self, *inputs, update=Trainer.update):
            with Calls() as calls:
                monkeypatch.setattr(Attention, "calls", calls)
                result = update(self, *inputs)
                monkeypatch.setattr(Attention, "calls", None)
            counts.append(calls.counts)
            return result

        monkeypatch.setattr(Trainer, "update", update)
        monkeypatch.setattr(functional, "scaled_dot_product_attention", attend)
        data = {"train": write_pairs(tmp_path / "train.jsonl", 8)}
        recipe = write_recipe(tmp_path, bert, data=data, max_steps=2, precision="bf16", **training)
        seq2seq.train(recipe)
        return counts

    return count_steps


def test_calls_of_a_step(count_steps):
    _, counts = count_steps()
    assert counts.total() <= MOST, counts.most_common(20)
    assert counts["attention"] == counts["attention backward"] == 3 * LAYERS
    assert counts["aten.native_dropout.default"] > LAYERS
    assert 1 <= counts["aten._fused_adamw_.default"] < 10  # a call a group of parameters


def test_calls_of_a_step_without_weights_that_are_cast_once(count_steps, monkeypatch):
    monkeypatch.setattr("seq2seq.training.trainer.build_cast_weights", lambda model, precision: None)
    _, counts = count_steps()
    assert counts.total() > MOST + 700
