"""AdamW: groups, rates, and its state through names and back."""

import pytest
import torch
from torch import nn

from seq2seq.base.errors import CheckpointError
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
    # The schedule is linear: half of the peaks are left for step 6 of 10.
    assert set_learning_rates(optimizer, schedule="linear", step=6, max_steps=10) == {"encoder": 0.05, "random": 0.25}
    assert {group["lr"] for group in optimizer.param_groups} == {0.05, 0.25}


def test_warmups_follow_the_origin():
    options = build_options(learning_rate=1.0, warmup_steps=8, warmups={"random": 4})
    optimizer = build_optimizer(build_model(), {"1.weight": "random", "1.bias": "random"}, options)
    rates = set_learning_rates(optimizer, schedule="constant", step=2, max_steps=10)
    assert rates == {"encoder": 2 / 8, "random": 2 / 4}


@pytest.mark.parametrize("step", [1, 5_000, 10_000, 15_000, 20_000, 200_000])
def test_presumms_two_schedules_come_out_of_the_groups(step):
    # Liu and Lapata 2019: 0.002 min(step^-0.5, step 20000^-1.5) and 0.2 min(step^-0.5, step 10000^-1.5).
    options = TrainingOptions(
        max_steps=200_000,
        learning_rates={"encoder": 2e-3 * 20_000**-0.5, "decoder": 0.2 * 10_000**-0.5},
        warmups={"encoder": 20_000, "decoder": 10_000},
        schedule="inverse_square_root",
    )
    optimizer = build_optimizer(build_model(), {"1.weight": "decoder", "1.bias": "decoder"}, options)
    rates = set_learning_rates(optimizer, schedule=options.schedule, step=step, max_steps=200_000)
    assert rates["encoder"] == pytest.approx(2e-3 * min(step**-0.5, step * 20_000**-1.5), rel=1e-12)
    assert rates["decoder"] == pytest.approx(0.2 * min(step**-0.5, step * 10_000**-1.5), rel=1e-12)
    assert {name: group["lr"] for group in optimizer.param_groups for name in group["names"]} == {
        "0.weight": rates["encoder"], "0.bias": rates["encoder"],
        "1.weight": rates["decoder"], "1.bias": rates["decoder"],
    }  # fmt: skip


def test_rates_of_frozen_groups_are_not_told():
    model = build_model()
    optimizer = build_optimizer(model, {"1.weight": "random", "1.bias": "random"}, build_options())
    model[1].requires_grad_(False)
    assert set(set_learning_rates(optimizer, schedule="linear", step=1, max_steps=10)) == {"encoder"}


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
    with pytest.raises(CheckpointError, match="of other parameters than those the model has trained"):
        restore_optimizer(optimizer, {"2.weight/exp_avg": torch.zeros(2)})


def test_state_lacks_what_was_frozen_and_nothing_else():
    model = build_model()
    optimizer = build_optimizer(model, {}, build_options())
    model[0].requires_grad_(False)
    take_step(model, optimizer, 1)
    tensors, frozen = export_optimizer(optimizer), {"0.weight", "0.bias"}
    assert {key.partition("/")[0] for key in tensors} == {"1.weight", "1.bias"}
    restored = build_optimizer(build_model(), {}, build_options())
    restore_optimizer(restored, tensors, frozen)
    assert export_optimizer(restored).keys() == tensors.keys()
    for wrong, count in ((set(), 2), ({"0.weight"}, 1), (frozen | {"1.bias"}, 1)):
        with pytest.raises(CheckpointError, match=rf"those the model has trained \({count} differ"):
            restore_optimizer(build_optimizer(build_model(), {}, build_options()), tensors, wrong)
