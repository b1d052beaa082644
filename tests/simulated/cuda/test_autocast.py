"""The rules of CUDA's autocast, operator by operator: on the simulated device, and in the slow reference of them.

The expected types are those of the lists in torch's documentation ("Autocast Op Reference"), but for what a test says.
"""

from functools import partial

import pytest
import torch
from torch.nn import functional

from tests.simulated.cuda.autocast_rules import autocast_by_the_rules

DEVICE = torch.device("cuda")
LOWER = "lower"  # the type of autocast
FULL = torch.float32
KEPT = "kept"  # that of the operand
OPERATORS = {
    "matmul": (lambda x: x @ x, LOWER),
    "mm": (lambda x: torch.mm(x, x), LOWER),
    "linear": (lambda x: functional.linear(x, x, x[0]), LOWER),
    "addmm": (lambda x: torch.addmm(x, x, x), LOWER),
    "bmm": (lambda x: torch.bmm(x[None], x[None]), LOWER),
    "baddbmm": (lambda x: torch.baddbmm(x[None], x[None], x[None]), LOWER),
    "einsum": (lambda x: torch.einsum("ij,jk->ik", x, x), LOWER),
    "attention": (lambda x: functional.scaled_dot_product_attention(*[x[None, None]] * 3), LOWER),
    "attention with a mask": (lambda x: functional.scaled_dot_product_attention(*[x[None, None]] * 3, x), LOWER),
    "softmax": (lambda x: x.softmax(-1), FULL),
    "log_softmax": (lambda x: functional.log_softmax(x, dim=-1), FULL),
    "layer_norm": (lambda x: functional.layer_norm(x, (4,)), FULL),
    "rms_norm": (lambda x: functional.rms_norm(x, (4,)), FULL),
    "sum": (lambda x: x.sum(dim=-1), FULL),
    "cumsum": (lambda x: x.cumsum(dim=0), FULL),
    "norm": (lambda x: x.norm(), FULL),
    "pow": (lambda x: x.pow(2), FULL),
    "power by its sign": (lambda x: x**2, FULL),
    "base of a power": (lambda x: 2.0**x, FULL),
    "square": (lambda x: x.square(), FULL),
    "one divided by it": (lambda x: 1.0 / x, FULL),
    "rsqrt": (lambda x: x.abs().rsqrt(), FULL),
    "exp": (lambda x: x.exp(), FULL),
    "log": (lambda x: x.abs().log(), FULL),
    "logsumexp": (lambda x: x.logsumexp(-1), FULL),
    "softplus": (lambda x: functional.softplus(x), FULL),
    "mse_loss": (lambda x: functional.mse_loss(x, x.flip(0)), FULL),
    "widest of two": (lambda x: torch.addcmul(x, x, x.float()), FULL),
    "widest of one": (lambda x: torch.addcmul(x, x, x), KEPT),
    "index_put": (lambda x: x.index_put((torch.zeros(1, dtype=torch.long, device=x.device),), x[0].float()), FULL),
    "cat": (lambda x: torch.cat([x, x.float()]), FULL),
    "mean": (lambda x: x.mean(dim=-1), KEPT),
    "sum of two": (lambda x: x + x, KEPT),
    "gelu": (lambda x: functional.gelu(x), KEPT),
    "tanh": (lambda x: x.tanh(), KEPT),
    "dropout that is off": (lambda x: functional.dropout(x, 0.5, training=False), KEPT),
    "type that is asked for": (lambda x: x.softmax(-1, dtype=torch.float64), torch.float64),
    "in place": (lambda x: x.clone().addmm_(x, x), KEPT),
    "float64": (lambda x: x.double() @ x.double(), torch.float64),
    "whole numbers": (lambda x: (x > 0).sum(), torch.int64),
    "where it is off": (lambda x: _multiply_without(x), KEPT),
}
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def _multiply_without(x):
    with torch.autocast(x.device.type, enabled=False):
        return x @ x


def build_operand(dtype):
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).to(dtype)


def find_expected(word, lower, operand):
    return {LOWER: lower, KEPT: operand.dtype}.get(word, word)


@pytest.mark.parametrize("operand", ["narrow", "wide"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, dtype, operand):
    compute, word = OPERATORS[name]
    lower = DTYPES[dtype]
    here = build_operand(lower if operand == "narrow" else torch.float32)
    with autocast_by_the_rules(lower):
        expected = compute(here)
    with torch.autocast("cuda", dtype=lower):
        found = compute(here.to(DEVICE))
    assert found.dtype == expected.dtype == find_expected(word, lower, here)
    assert torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=list(DTYPES))
def test_weight_is_cast_once_so_that_its_gradients_are_summed_in_the_lower_type(dtype):
    results = []
    for autocast, device in ((autocast_by_the_rules(dtype), "cpu"), (torch.autocast("cuda", dtype=dtype), "cuda")):
        weight = build_operand(torch.float32).to(device).requires_grad_()
        inputs = build_operand(torch.float32).to(device)
        with autocast:
            outputs = [functional.linear(inputs + shift, weight) for shift in (0.0, 0.1, 0.3)]
        sum(output.float().sum() for output in outputs).backward()
        results.append(weight.grad.cpu())
    assert torch.equal(*results)
    # A number that the lower type has: it was rounded behind the sum.
    assert torch.equal(results[0].to(dtype).float(), results[0])


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=list(DTYPES))
def test_cross_entropy_is_in_float32_behind_its_log_softmax_alone(dtype):
    # The page has it in the list to float32; torch asks its log_softmax for the type of the logits, which stays.
    logits = build_operand(dtype)
    labels = torch.arange(4)
    with torch.autocast("cuda", dtype=dtype):
        found = functional.cross_entropy(logits.to(DEVICE), labels.to(DEVICE))
    assert found.dtype == torch.float32
    assert torch.equal(found.cpu(), functional.nll_loss(functional.log_softmax(logits, dim=-1).float(), labels))
    assert not torch.equal(found.cpu(), functional.cross_entropy(logits.float(), labels))


def test_rules_are_not_those_of_the_cpu():
    normalize = partial(functional.layer_norm, normalized_shape=(4,))
    narrow = build_operand(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        on_the_cpu = normalize(narrow)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        there = normalize(narrow.to(DEVICE))
    assert (on_the_cpu.dtype, there.dtype) == (torch.bfloat16, torch.float32)
