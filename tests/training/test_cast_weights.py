"""Weights that are cast once a step: losses and gradients are those of autocast, bit for bit."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import seq2seq
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.training import trainer
from seq2seq.training.cast_weights import CastWeights, build_cast_weights
from tests.conftest import shake
from tests.families import DECODERS, ENCODERS, save_family
from tests.published import FAMILIES as PUBLISHED
from tests.published import save_published
from tests.training.runs import hash_weights, read_events

BATCHES = [
    {
        "input_ids": torch.tensor([[5, 6, 7, 8], [9, 8, 7, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),
        "labels": torch.tensor([[7, 8, 9], [6, 5, -100]]),
    },
    {"input_ids": torch.tensor([[6, 5, 9]]), "labels": torch.tensor([[5, 6, 7, 8]])},
]


class Casts(TorchDispatchMode):
    """Counts casts to another type."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._to_copy.default
        return function(*args, **(kwargs or {}))


def compute(model, weights, batches=BATCHES):
    """The loss of some micro-batches with dropout, and how many casts they took; gradients stay with the model."""
    loss = 0.0
    model.train()
    if weights is not None:
        weights.refresh()
    with Casts() as casts:
        for number, batch in enumerate(batches):
            torch.manual_seed(number)
            if weights is None:
                loss += run(model, batch)
            else:
                with weights.applied():
                    loss += run(model, batch)
    return loss, casts.count


def run(model, batch):
    with torch.autocast("cpu", torch.bfloat16):
        objective = model(**batch).objective
    objective.backward()
    return objective.item()


def check_equal(model):
    shake(model, 0.1, seed=1)
    other = deepcopy(model)
    expected, casts = compute(model, None)
    found, fewer = compute(other, CastWeights(other, torch.bfloat16))
    assert found == expected
    for (name, here), (_, there) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert there.dtype is torch.float32, name
        assert (here.grad is None) == (there.grad is None), name
        assert here.grad is None or torch.equal(here.grad, there.grad), name
    assert fewer < casts


@pytest.mark.parametrize("family", ENCODERS)
def test_encoder(family, tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    encoder = save_family(tmp_path / "encoder", family)
    check_equal(seq2seq.warm_start(plan="pair", encoder=str(encoder), decoder=str(bert), convert=False).model)


@pytest.mark.parametrize("family", DECODERS)
def test_decoder(family, tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    decoder = save_family(tmp_path / "decoder", family)
    check_equal(seq2seq.warm_start(plan="pair", encoder=str(bert), decoder=str(decoder), convert=False).model)


@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_published(family, tmp_path):
    check_equal(read_checkpoint(save_published(tmp_path, family)).model)


@pytest.mark.parametrize("plan", ["bertshare", "bert2bert", "rnd2rnd"])
def test_shared_layers(plan, tmp_path):
    check_equal(seq2seq.warm_start(plan=plan, encoder=str(save_family(tmp_path / "bert", "bert"))).model)


def test_frozen_weights_have_no_gradient_and_thawed_ones_have(started):
    model = started.model
    weights = CastWeights(model, torch.bfloat16)
    layer = model.encoder.encoder.layer[0].attention.self.query
    layer.weight.requires_grad_(False)
    compute(model, weights)
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    layer.weight.requires_grad_(True)
    compute(model, weights)
    assert layer.weight.grad is not None


def test_copies_follow_their_weights(started):
    model = started.model
    weights = CastWeights(model, torch.bfloat16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    other = deepcopy(model)
    assert compute(model, weights)[0] == compute(other, None)[0]


def test_weights_are_back_after_an_error(started):
    before = dict(started.model.named_parameters())
    weights = CastWeights(started.model, torch.bfloat16)
    weights.refresh()
    with pytest.raises(RuntimeError, match="out of memory"), weights.applied():
        raise RuntimeError("out of memory")
    after = dict(started.model.named_parameters())
    assert all(after[name] is parameter for name, parameter in before.items())
    assert all(parameter.grad is None for parameter in after.values())


def test_gradients_of_a_micro_batch_that_was_broken_off_are_forgotten(started):
    model = started.model
    weights = CastWeights(model, torch.bfloat16)
    other = deepcopy(model)
    weights.refresh()
    with pytest.raises(RuntimeError, match="out of memory"), weights.applied():
        run(model, BATCHES[0])
        raise RuntimeError("out of memory")
    model.zero_grad()
    compute(model, weights)
    compute(other, None)
    for here, there in zip(model.parameters(), other.parameters(), strict=True):
        assert here.grad is None or torch.equal(here.grad, there.grad)


def test_model_without_linear_layers_is_left_alone(started):
    model = started.model
    for module in model.modules():
        if type(module) is nn.Linear:
            module.forward = module.forward
            module.__class__ = type(
                "Own", (nn.Linear,), {"forward": lambda self, states: nn.Linear.forward(self, states)}
            )
    weights = CastWeights(model, torch.bfloat16)
    other = deepcopy(model)
    assert compute(model, weights)[0] == compute(other, None)[0]


def test_nothing_is_cast_in_fp32(started):
    assert build_cast_weights(started.model, "fp32") is None


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"gradient_checkpointing": True},
        pytest.param({"compile": True}, marks=pytest.mark.slow),
        {"freeze": {"encoder": 3}},
    ],
    ids=str,
)
def test_run_is_that_of_autocast(recipe, monkeypatch, training):
    settings = {"precision": "bf16", "max_steps": 4, "micro_batch_tokens": 60} | training
    torch._dynamo.reset()  # layers that another test compiled, by another backend, draw other masks
    cast = seq2seq.train(recipe("cast", **settings))
    torch._dynamo.reset()
    monkeypatch.setattr(trainer, "build_cast_weights", lambda model, precision: None)
    plain = seq2seq.train(recipe("plain", **settings))
    losses = [[event["loss"] for event in read_events(folder, "train")] for folder in (cast, plain)]
    assert losses[0] == losses[1]
    assert hash_weights(cast, 4) == hash_weights(plain, 4)
