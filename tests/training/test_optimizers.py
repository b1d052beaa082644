"""AdamW: groups, rates, and its state through names and back."""

import pytest
import torch
from torch import nn

from seq2seq.errors import CheckpointError
from seq2seq.training.optimizers import build_optimizer, export_optimizer, restore_optimizer, set_learning_rates
from seq2seq.training.options import TrainingOptions


def build_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def build_options(**changes) -> TrainingOptions:
    return TrainingOptions(max_steps=10, **changes)


def take_step(model, optimizer, seed):
    torch.manual_seed(seed)
    optimizer.zero_grad()
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


def test_rates_follow_the_origin():
    options = build_options(learning_rate=0.1, learning_rates={"random": 0.5})
    groups = {"0.weight": "encoder", "0.bias": "encoder", "1.weight": "random", "1.bias": "random"}
    optimizer = build_optimizer(build_model(), groups, options)
    peaks = {name: group["peak"] for group in optimizer.param_groups for name in group["names"]}
    assert peaks == {"0.weight": 0.1, "0.bias": 0.1, "1.weight": 0.5, "1.bias": 0.5}
    assert set_learning_rates(optimizer, 0.5) == 0.25
    assert {group["lr"] for group in optimizer.param_groups} == {0.05, 0.25}


def test_matrices_alone_decay():
    optimizer = build_optimizer(build_model(), {}, build_options(weight_decay=0.3))
    decay = {name: group["weight_decay"] for group in optimizer.param_groups for name in group["names"]}
    assert decay == {"0.weight": 0.3, "1.weight": 0.3, "0.bias": 0.0, "1.bias": 0.0}


def test_restored_optimizer_goes_on_bit_for_bit():
    first = build_model()
    optimizer = build_optimizer(first, {}, build_options())
    take_step(first, optimizer, 1)
    second = build_model()
    second.load_state_dict(first.state_dict())
    restored = build_optimizer(second, {}, build_options())
    restore_optimizer(restored, export_optimizer(optimizer))
    take_step(first, optimizer, 2)
    take_step(second, restored, 2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_state_of_other_parameters_is_refused():
    optimizer = build_optimizer(build_model(), {}, build_options())
    with pytest.raises(CheckpointError, match="of other parameters than the model's"):
        restore_optimizer(optimizer, {"2.weight/exp_avg": torch.zeros(2)})
