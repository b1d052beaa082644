"""Faults that tests let a run meet, by pytest's monkeypatch."""

import math
import os
import signal

import pytest
import torch

from seq2seq.training.trainer import Trainer


def send_at_step(patch: pytest.MonkeyPatch, name: str, step: int) -> None:
    """Sends this process a signal while the step is counted, after its update."""

    def count(self, *inputs, count=Trainer._count):
        count(self, *inputs)
        if self.state.step == step:
            os.kill(os.getpid(), signal.Signals[name])

    patch.setattr(Trainer, "_count", count)


def break_gradients(patch: pytest.MonkeyPatch, steps: set[int], value: float = math.inf) -> None:
    """Gives one gradient a value that is not finite in some steps."""

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        loss = backward(self, micro_batch, target_tokens, dropout_key)
        if dropout_key[0] in steps:
            next(p for p in self.model.parameters() if p.grad is not None).grad[0, 0] = value
        return loss

    patch.setattr(Trainer, "_backward", backward)


def limit_memory(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Lets memory run out wherever a micro-batch has more rows."""

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        if len(micro_batch["labels"]) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return backward(self, micro_batch, target_tokens, dropout_key)

    patch.setattr(Trainer, "_backward", backward)
