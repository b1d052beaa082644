"""Faults that tests let a run meet, by pytest's monkeypatch."""

import math
import os
import pkgutil
import signal
from contextlib import nullcontext
from functools import wraps

import pytest
import torch

from seq2seq.modeling.encoder_decoder import Seq2SeqModel
from seq2seq.training.trainer import Trainer


def send_at_step(patch: pytest.MonkeyPatch, name: str, step: int) -> None:
    """Sends this process a signal while the step is counted, after its update."""

    def count(self, *inputs, count=Trainer._count):
        count(self, *inputs)
        if self.state.step == step:
            os.kill(os.getpid(), signal.Signals[name])

    patch.setattr(Trainer, "_count", count)


def send_within_step(patch: pytest.MonkeyPatch, name: str, step: int) -> None:
    """Sends this process a signal while the step's first micro-batch is computed."""

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        if (dropout_key[0], dropout_key[-1]) == (step, 0):
            os.kill(os.getpid(), signal.Signals[name])
        return backward(self, micro_batch, target_tokens, dropout_key)

    patch.setattr(Trainer, "_backward", backward)


def break_gradients(patch: pytest.MonkeyPatch, steps: set[int], value: float = math.inf) -> None:
    """Gives one gradient a value that is not finite in some steps."""

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        loss = backward(self, micro_batch, target_tokens, dropout_key)
        if dropout_key[0] in steps:
            next(p for p in self.model.parameters() if p.grad is not None).grad[0, 0] = value
        return loss

    patch.setattr(Trainer, "_backward", backward)


def scale_losses(patch: pytest.MonkeyPatch) -> None:
    """Scales losses as fp16 does on a GPU; the optimizer takes what was unscaled, of one step."""

    def begin(self, begin=Trainer.__init__, **options):
        begin(self, **options)
        self.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        patch.setattr(self.accelerator, "native_amp", True)
        patch.setattr(self.accelerator, "autocast", nullcontext)  # the gradients stay those of float32
        patch.setattr(type(self.accelerator), "mixed_precision", "fp16")

    patch.setattr(Trainer, "__init__", begin)


# Where memory can run out behind the micro-batches of a step, and an error for each that says so.
PARTS = {
    "sum": ("seq2seq.training.replicas._send", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")),
    "norm": ("seq2seq.training.trainer.get_total_norm", torch.AcceleratorError("CUDA error: out of memory")),
    "clipping": (
        "seq2seq.training.trainer.clip_grads_with_norm_",
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ),
    "update": ("torch.optim.AdamW.step", MemoryError()),
    "averages": (
        "seq2seq.training.ema.WeightAverages.update",
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ),
}


def run_out_in(patch: pytest.MonkeyPatch, part: str, *, calls: int = 1) -> None:
    """Lets memory run out in a part of a step, from the given call of it on."""
    name, error = PARTS[part]
    before = pkgutil.resolve_name(name)
    left = [calls]

    def fail(*arguments, **options):
        left[0] -= 1
        if left[0] <= 0:
            raise error
        return before(*arguments, **options)

    patch.setattr(name, fail)


def limit_validation(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Lets memory run out wherever a batch of a validation has more rows."""

    @wraps(Seq2SeqModel.forward)  # generation asks what it takes
    def forward(self, *inputs, forward=Seq2SeqModel.forward, **named):
        if not self.training and "labels" in named and len(named["labels"]) > rows:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
        return forward(self, *inputs, **named)

    patch.setattr(Seq2SeqModel, "forward", forward)


def limit_outputs(patch: pytest.MonkeyPatch) -> None:
    """Lets memory run out in every batch of sources that texts are written for."""

    def collate(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    patch.setattr("seq2seq.engines.transformers.collate_for", collate)


def limit_memory(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Lets memory run out wherever a micro-batch has more rows."""

    def backward(self, micro_batch, target_tokens, dropout_key, backward=Trainer._backward):
        if len(micro_batch["labels"]) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return backward(self, micro_batch, target_tokens, dropout_key)

    patch.setattr(Trainer, "_backward", backward)
